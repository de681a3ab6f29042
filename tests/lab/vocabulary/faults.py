"""
Faults: what a test does to a host. Each returns when it is done, not when it is requested.

+ host: name of the container, such as ``lab-pg1``
"""

import json
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from tests.lab.docker import DockerError, docker, run_in
from tests.lab.errors import LabError
from tests.lab.image import ensure_image, exists, tag_of
from tests.lab.spec import LABEL
from tests.lab.vocabulary.waiting import wait_until

FAULT_SECONDS = 30
TABLE = "inet lab_cut"
FORGET = f"table {TABLE}\ndelete table {TABLE}\n"


def kill(host: str) -> None:
    """Take the power away: no process gets to say a word."""
    docker("kill", host)
    _wait_for_state(host, "exited")


def start(host: str) -> None:
    """Give the power back; the boot is not awaited."""
    docker("start", host)
    _wait_for_state(host, "running")


def freeze(host: str) -> None:
    """Stop all processes while the kernel keeps answering for them."""
    docker("pause", host)
    _wait_for_state(host, "paused")


def thaw(host: str) -> None:
    """Let the processes of a frozen host go on."""
    docker("unpause", host)
    _wait_for_state(host, "running")


def cut(host: str) -> None:
    """Pull the network cable, the published ports included; after ``heal`` it is eth1."""
    docker("network", "disconnect", _network(host), host)


def cut_ports(host: str, ports: Iterable[int]) -> None:
    """Drop the TCP packets to and from some ports, silently; the ports of either side count."""
    listed = ", ".join(str(port) for port in ports)
    _drop(host, [f"tcp {side} {{ {listed} }} drop" for side in ("dport", "sport")])


def cut_peers(host: str, peers: Iterable[str]) -> None:
    """
    Drop all packets to and from some other hosts, silently; ssh from here goes on.

    + peers: names of their containers
    """
    rules = []
    for labels in map(_labels, peers):
        for family, key in (("ip", "address4"), ("ip6", "address6")):
            address = labels[f"{LABEL}.{key}"]
            rules += [f"{family} {side} {address} drop" for side in ("saddr", "daddr")]
    _drop(host, rules)


def cut_ipv4(host: str, subnet: str, gateway: str) -> None:
    """Drop IPv4 between hosts, silently; ssh from here, which comes from the gateway, goes on."""
    _drop(host, [f"ip saddr {subnet} ip daddr {subnet} ip saddr != {gateway} ip daddr != {gateway} drop"])


def heal(host: str) -> None:
    """Undo the cuts: the cable is in, with the same addresses, and no packet is dropped."""
    labels = _labels(host)
    if not docker("inspect", "--format", "{{range .NetworkSettings.Networks}}1{{end}}", host):
        docker(
            *("network", "connect", "--ip", labels[f"{LABEL}.address4"]),
            *("--ip6", labels[f"{LABEL}.address6"], _network(host), host),
        )
    # Without the image nobody can have dropped anything.
    if exists(tag_of(labels[f"{LABEL}.release"], "tools")) and is_running(host):
        _nft(host, FORGET)


def kill_process(host: str, pattern: str, *, signal: str = "KILL") -> list[int]:
    """
    Kill the processes whose command line matches, await their end, return their ids.

    + pattern: as ``pgrep --full`` takes it
    """
    pids = _pids(host, pattern)
    if not pids:
        raise LabError(f"{host}: no process matches {pattern!r}")
    listed = " ".join(str(pid) for pid in pids)
    run_in(host, f"kill -s {shlex.quote(signal)} {listed}")
    wait_until(
        f"{host}: process {listed} has ended",
        lambda: not set(pids) & set(_pids(host, pattern)),
        seconds=FAULT_SECONDS,
    )
    return pids


@contextmanager
def replays_nothing(host: str) -> Iterator[None]:
    """A standby that receives and replays nothing. Patroni would end a pause of the replay."""
    # In brackets: the shell that looks for it has the words in its own command line. One that was cut off a moment ago
    # waits for WAL before it goes on.
    look = "pgrep --full 'startup recoverin[g]' || true"
    pid = int(wait_until("it replays", lambda: run_in(host, look).strip(), seconds=FAULT_SECONDS))
    run_in(host, f"kill -STOP {pid}")
    try:
        yield
    finally:
        run_in(host, f"kill -CONT {pid}")


@contextmanager
def small_disk(host: str, place: str, mebibytes: int) -> Iterator[None]:
    """A file system of its own at a place of a host. It is gone when the host dies, as a disk that is not in fstab."""
    with NamedTemporaryFile() as file:
        file.truncate(mebibytes << 20)
        _here("mkfs.ext4", "-q", "-m", "0", file.name)
        device = _here("losetup", "--find", "--show", file.name)
        try:
            # A container may not mount it itself.
            number = device.removeprefix("/dev/loop")
            run_in(host, f"rm -f {device} && mknod {device} b 7 {number} && mkdir -p {place}")
            process = docker("inspect", "-f", "{{.State.Pid}}", host).strip()
            _here("nsenter", "-t", process, "-m", "mount", device, place)
            run_in(host, f"rmdir {place}/lost+found")
            yield
        finally:
            if is_running(host):
                run_in(host, f"umount -l {place} || true")
            _here("losetup", "--detach", device)


def _here(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _pids(host: str, pattern: str) -> list[int]:
    try:
        return [int(pid) for pid in docker("exec", host, "pgrep", "--full", "--", pattern).split()]
    except DockerError:
        return []


def _drop(host: str, rules: Iterable[str]) -> None:
    """Replace the rules of earlier cuts of packets by these."""
    body = "; ".join(rules)
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority -10; {body}; }}\n" for hook in ("input", "output")
    )
    _nft(host, f"{FORGET}table {TABLE} {{\n{chains}}}\n")


def _nft(host: str, rules: str) -> None:
    """Load rules in the network of a host from outside, so that it needs no tool for it."""
    image = ensure_image(_labels(host)[f"{LABEL}.release"], "tools")
    docker(
        *("run", "--rm", "--interactive", "--network", f"container:{host}"),
        *("--cap-add", "NET_ADMIN", image, "nft", "-f", "-"),
        stdin=rules,
    )


def _wait_for_state(host: str, state: str) -> None:
    wait_until(
        f"{host} is {state}",
        lambda: _state(host) == state,
        seconds=FAULT_SECONDS,
    )


def _state(host: str) -> str:
    return docker("inspect", "--format", "{{.State.Status}}", host)


def is_running(host: str) -> bool:
    """Whether a host has power and is not frozen."""
    return _state(host) == "running"


def _labels(host: str) -> dict[str, str]:
    said = docker("inspect", "--format", "{{json .Config.Labels}}", host)
    found: dict[str, str] = json.loads(said)
    return found


def _network(host: str) -> str:
    return f"pyinfra-patroni-{_labels(host)[LABEL]}"
