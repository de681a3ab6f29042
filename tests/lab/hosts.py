"""One host: a container that is created, started, awaited and looked at."""

import errno
import logging
import socket

import paramiko

from tests.lab.docker import DockerError, docker, run_in, tail
from tests.lab.errors import LabError
from tests.lab.keys import KNOWN_HOSTS, PRIVATE_KEY
from tests.lab.labs import host_labels
from tests.lab.paths import lab_directory
from tests.lab.spec import Host
from tests.lab.vocabulary.waiting import wait_until

USER = "deploy"
BOOT_SECONDS = 60
FREE_PORT_SECONDS = 20
LOG_LINES = 15
LOGIN_SECONDS = 30
BOOTED = ("running", "degraded")

# paramiko prints a traceback for every attempt that comes too early, unless told not to.
SSH_LOG = "tests.lab.ssh"
logging.getLogger(SSH_LOG).addHandler(logging.NullHandler())
logging.getLogger(SSH_LOG).propagate = False

# systemd as the first process, without --privileged (refused where an engine itself has
# not all capabilities): it needs its cgroups, mounts of its own, and /run on tmpfs.
SYSTEMD = (
    *("--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"),
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN"),
    # What a service may set on a host of its own: PostgreSQL listens on virtual addresses that are elsewhere.
    *("--sysctl", "net.ipv4.ip_nonlocal_bind=1", "--sysctl", "net.ipv6.ip_nonlocal_bind=1"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777"),
    *("--env", "container=docker", "--stop-signal", "SIGRTMIN+3"),
)

AUTHORIZE = f"""\
install -d -m 700 -o {USER} -g {USER} ~{USER}/.ssh
install -m 600 -o {USER} -g {USER} /dev/stdin ~{USER}/.ssh/authorized_keys
"""


def create(host: Host, image: str) -> None:
    """Create and start a host that does not exist yet."""
    _refuse_taken_ports(host)
    made = docker(
        *("create", "--name", host.container, "--hostname", host.container),
        *("--network", host.lab.network, "--ip", host.address4, "--ip6", host.address6),
        *SYSTEMD,
        # Docker's 64 MB of shared memory are less than a parallel query may ask for.
        *("--restart", "no", "--shm-size", "256m"),
        *_published(host),
        *host_labels(host),
        *(image, "/sbin/init"),
    )
    try:
        docker("start", made)
    except DockerError:
        docker("rm", "--force", made)
        raise


def admit(host: Host, public_key: str) -> None:
    """Let the owner of a key in as the lab's user, and nobody else."""
    run_in(host.container, AUTHORIZE, stdin=f"{public_key}\n")


def host_key(host: Host) -> str:
    """Return the public host key: asked of the engine, so nobody can be in between."""
    read = "cat /etc/ssh/ssh_host_ed25519_key.pub 2> /dev/null || true"

    def key_when_made() -> str:
        return " ".join(run_in(host.container, read).split()[:2])

    return wait_until(f"{host.container} has a host key", key_when_made, seconds=BOOT_SECONDS)


def wait_until_ready(host: Host) -> None:
    """Return when the host has booted and lets us in as root."""
    try:
        wait_until(f"{host.container} has booted", lambda: has_booted(host), seconds=BOOT_SECONDS)
        wait_until(f"{host.container} lets us in", lambda: lets_us_in(host), seconds=LOGIN_SECONDS)
    except LabError as error:
        raise LabError(f"{error}\n{_last_words(host)}") from None


def has_booted(host: Host) -> bool:
    """Tell whether systemd is done with the boot, be it with a failed unit."""
    ask = "systemctl is-system-running || true"
    return run_in(host.container, ask, timeout_seconds=BOOT_SECONDS) in BOOTED


def lets_us_in(host: Host) -> bool:
    """Tell whether the way of the product works: ssh with our key, its host key, sudo."""
    with paramiko.SSHClient() as client:
        client.set_log_channel(SSH_LOG)
        client.load_host_keys(str(lab_directory() / KNOWN_HOSTS))
        try:
            _log_in(client, host)
            _, output, _ = client.exec_command("sudo -n id -u", timeout=LOGIN_SECONDS)
            return output.read().endswith(b"0\n")  # a login may have said something before
        except (OSError, EOFError, paramiko.SSHException):
            return False


def _log_in(client: paramiko.SSHClient, host: Host) -> None:
    client.connect(
        "127.0.0.1",
        port=host.ssh_port,
        username=USER,
        key_filename=str(lab_directory() / PRIVATE_KEY),
        allow_agent=False,
        look_for_keys=False,
        timeout=5,
        banner_timeout=5,
        auth_timeout=5,
    )


def _last_words(host: Host) -> str:
    said = docker("logs", "--tail", str(LOG_LINES), host.container)
    try:
        said += "\n" + run_in(host.container, f"journalctl --no-pager --lines {LOG_LINES}")
    except DockerError:
        said += f"\n{host.container} does not run"
    return tail(said, 2 * LOG_LINES)


def _published(host: Host) -> list[str]:
    ports = {22: host.ssh_port, **host.published_ports}
    return [f"--publish=127.0.0.1:{here}:{there}" for there, here in ports.items()]


def _refuse_taken_ports(host: Host) -> None:
    for port in (host.ssh_port, *host.published_ports.values()):
        try:
            # Some of these are ports that the kernel gives to outgoing connections too; those end by themselves.
            wait_until(f"port {port} is free", lambda port=port: not _is_taken(port), seconds=FREE_PORT_SECONDS)
        except LabError:
            raise LabError(
                f"{host.container}: port {port} of 127.0.0.1 is taken",
                "Stop what listens there, or use a lab with another --index.",
            ) from None


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
