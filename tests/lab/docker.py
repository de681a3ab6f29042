"""Two thin runners: the ``docker`` command, and a command in a host of the lab."""

import subprocess

from tests.lab.errors import LabError

QUIET_TAIL_LINES = 5
COMMAND_TIMEOUT_SECONDS = 120


class DockerError(LabError):
    """The docker command failed; the message holds the end of what it said."""


def docker(
    *arguments: str,
    stdin: str | None = None,
    timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
) -> str:
    """
    Run one docker command and return what it printed, without the final newline.

    + stdin: text for its standard input; without it the input is empty
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
        )
    except FileNotFoundError:
        raise DockerError("there is no docker command on this machine") from None
    except subprocess.TimeoutExpired:
        raise DockerError(f"{_title(arguments)}: no answer in {timeout_seconds:g} s") from None
    if done.returncode != 0:
        said = tail(done.stderr or done.stdout)
        raise DockerError(f"{_title(arguments)}: exit code {done.returncode}: {said}")
    return done.stdout.rstrip("\n")


def run_in(
    host: str,
    command: str,
    *,
    stdin: str | None = None,
    user: str = "root",
    timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
) -> str:
    """
    Run a shell command in a host of the lab, past ssh and the network.

    + host: name of the container, such as ``lab-pg1``
    """
    return docker(
        *("exec", "--interactive", "--user", user, host, "sh", "-c", command),
        stdin=stdin,
        timeout_seconds=timeout_seconds,
    )


def tail(text: str, lines: int = QUIET_TAIL_LINES) -> str:
    """Return the last lines of a text: enough to know why, short enough to read."""
    return "\n".join(text.strip().splitlines()[-lines:])


def _title(arguments: tuple[str, ...]) -> str:
    return " ".join(("docker", *arguments[:2]))
