"""Whether PgBouncer's pool for readers answers on this host. Standard library only."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

ANSWER_SECONDS = 0.3
# systemd starts a process that has ended within less than a second: nothing has to move for that.
MISSES = 2
# Of PostgreSQL's protocol: may I speak TLS? PgBouncer answers with one byte, without a login and without a server.
QUESTION = struct.pack("!II", 8, 80877103)


class Pools:
    """
    The processes of a pool. One that has never answered is not missed: a run that builds the cluster starts it last.

    + sockets: of each; none: there is no pool, which is as good as one that answers
    """

    def __init__(self, sockets: Sequence[str]) -> None:
        self.sockets = sockets
        self.misses = 0
        self.known = False

    def answer(self) -> bool:
        """Whether all did lately: at the last of two questions, which come once a second."""
        answered = all(map(_answers, self.sockets))
        self.known = self.known or answered
        self.misses = 0 if answered else self.misses + 1
        return self.misses < MISSES or not self.known


def _answers(path: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as pool:
            pool.settimeout(ANSWER_SECONDS)
            pool.connect(path)
            pool.sendall(QUESTION)
            return bool(pool.recv(1))
    except OSError:
        return False
