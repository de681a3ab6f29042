"""Members that are being cloned: waited for as long as their copy grows, however long that takes."""

from __future__ import annotations

import time

from pyinfra import host

from cluster.errors import UnsafeError
from cluster.model import Node
from cluster.render_patroni_unit import UNIT
from facts.patroni import DirectorySize
from operations.util.cause import CORRECT, POSTGRES_LOGS, show_last_lines
from operations.util.remote import read_all

# A copy that has not grown for so long fails again and again, or replays what it cannot.
PATIENCE_SECONDS = 300


class Copying:
    """How far copies have got since the wait began. + directory: the data directory"""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._most, self._until = -1, time.monotonic() + PATIENCE_SECONDS

    def goes_on(self, node: Node, state: str) -> bool:
        """Look at one member's copy, say how large it is, and whether it has grown in time. + state: as Patroni says"""
        size = read_all([node], DirectorySize, directory=self._directory)[node.name]
        host.log(f"{node.name} is {state}: {size} MiB so far")
        if size > self._most:
            self._most, self._until = size, time.monotonic() + PATIENCE_SECONDS
        return time.monotonic() < self._until


def refuse_with_last_lines(node: Node, problem: str) -> None:
    """End the run with what the member that holds it up said last. + problem: a sentence"""
    fatal = show_last_lines(node, UNIT, POSTGRES_LOGS)
    if fatal:
        problem, more = f"{problem}; its PostgreSQL ended with: {fatal}", f" {CORRECT[0].upper()}{CORRECT[1:]}."
    else:
        more = ""
    raise UnsafeError(
        f"{problem}\nHINT: the last lines of {node.name} stand above; mend what they name and run again.{more}"
    )
