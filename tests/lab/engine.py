"""The container engine: the user's own if it answers, else docker.io of Debian or Ubuntu."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.lab.docker import DockerError, docker, tail
from tests.lab.errors import LabError
from tests.lab.paths import lab_directory, locked
from tests.lab.vocabulary.waiting import wait_until

# Without apparmor's parser the daemon refuses to start on a kernel that has AppArmor.
DAEMON_PACKAGES = ("docker.io", "iptables", "apparmor", "ca-certificates")
CLIENT_PACKAGE = "docker-cli"  # from trixie on; before that it is part of docker.io

ANSWER_SECONDS = 60
APT_SECONDS = 900


def ensure_engine() -> None:
    """Return when an engine answers; install and start one where we may."""
    with locked():
        if refusal := silence():
            _provide(refusal)


def _provide(refusal: str) -> None:
    if not can_install():
        raise LabError(
            f"no container engine answers ({refusal})",
            "Install and start Docker (Docker Desktop on macOS), and let your user reach "
            "its socket; as root on Debian or Ubuntu the lab does it itself.",
        )
    if not (shutil.which("dockerd") and shutil.which("iptables")):
        install(DAEMON_PACKAGES)
    if not shutil.which("docker"):
        install([CLIENT_PACKAGE])
    if silence():
        _start()


def silence() -> str:
    """Return why the engine does not answer, in a line; empty when it does."""
    try:
        # Not ``docker info``: from some clients it succeeds without a daemon.
        docker("version", "--format", "{{.Server.Version}}", timeout_seconds=20)
    except DockerError as error:
        return str(error).splitlines()[-1]
    return ""


def can_install() -> bool:
    """Tell whether packages can be installed: we are root and there is apt-get."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """Install Debian packages on this machine, without any recommended ones."""
    print(f"installing on this machine: {' '.join(packages)}", flush=True)
    _refresh_package_lists()
    failure = _apt("install", "--yes", "--no-install-recommends", *packages)
    if failure:
        raise LabError(f"apt-get cannot install {', '.join(packages)}: {failure}")


@cache
def _refresh_package_lists() -> None:
    # A foreign source that fails is no reason to stop: the installation will tell.
    _apt("update")


def _apt(*arguments: str) -> str:
    """Run apt-get; return why it failed, empty when it did not."""
    done = subprocess.run(
        ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=120", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=APT_SECONDS,
    )
    return tail(done.stderr or done.stdout) if done.returncode != 0 else ""


def _start() -> None:
    if _start_with_systemd():
        wait_until("the engine answers", _answers, seconds=ANSWER_SECONDS)
        return
    log = lab_directory() / "dockerd.log"
    daemon = _start_detached(log)

    def answers_or_died() -> bool:
        if daemon.poll() is not None:
            raise LabError(f"dockerd ended with {daemon.returncode}: {_end_of(log)}")
        return _answers()

    print(f"dockerd started, its log is {log}", flush=True)
    wait_until(f"the engine answers (see {log})", answers_or_died, seconds=ANSWER_SECONDS)


def _start_with_systemd() -> bool:
    if not Path("/run/systemd/system").is_dir():
        return False
    started = subprocess.run(["systemctl", "start", "docker"], capture_output=True)
    return started.returncode == 0


def _start_detached(log: Path) -> subprocess.Popen[bytes]:
    """Start dockerd in a session of its own, so that it outlives this process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["dockerd"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end_of(log: Path) -> str:
    return tail(log.read_text(errors="replace"))


def _answers() -> bool:
    return not silence()
