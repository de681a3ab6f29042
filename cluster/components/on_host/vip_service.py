"""
The holder of virtual IP addresses as a service: what it tells systemd, and how Patroni's callbacks wake it up. Standard
library only.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from pathlib import Path

CALL = Path("/run/vip/call")


def tell_systemd(word: str) -> None:
    """One line of sd_notify(3)."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(word.encode(), "\0" + path[1:] if path.startswith("@") else path)


def calls() -> socket.socket:
    """Where Patroni's callbacks call. Whoever calls makes this program ask Patroni, and nothing else."""
    CALL.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    found.bind(str(CALL))
    CALL.chmod(0o666)
    found.setblocking(False)
    return found


def wait(called: socket.socket, seconds: float) -> None:
    """Until the next question is due, or somebody calls."""
    if select.select([called], [], [], seconds)[0]:
        with suppress(BlockingIOError):
            while True:
                called.recv(64)
