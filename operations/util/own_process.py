"""The process of this run, and whether another one of the same machine is still there."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
DEAD = "ZX"  # a zombie has done all that it will ever do


def machine() -> str:
    """
    Where process ids mean the same: the boot of the kernel and the space of process ids, since containers may have all
    else in common. Empty where there is no such thing: then every other run is one of another machine.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def own_id() -> int:
    """The id of this process."""
    return os.getpid()


def started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty where that cannot be told."""
    return _status(pid)[1]


def is_gone(pid: int, since: str) -> bool:
    """
    Whether a process of this machine is gone: another one may have its id by now.

    + since: what ``started`` said of it
    """
    try:
        os.kill(pid, 0)  # of other users, too, whose /proc may be hidden
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    state, now = _status(pid)
    return state in DEAD if now == since or not now or not since else True


def _status(pid: int) -> tuple[str, str]:
    """State and start of a process. Its name is in parentheses and may have any character in it."""
    with suppress(OSError, IndexError):
        words = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return words[0], words[19]
    return "?", ""


def who() -> str:
    """The user of this run, and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = str(os.getuid())
    former = os.environ.get("SUDO_USER")
    return f"{f'{former} as ' if former and former != user else ''}{user}@{socket.gethostname()}"
