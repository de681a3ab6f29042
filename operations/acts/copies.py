"""Members that are being cloned: waited for as long as their copy grows, however long that takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NoReturn

from pyinfra import host

from cluster.declared.model import Node
from facts.patroni import DirectorySize
from operations.acts.last_lines import Watch
from operations.util.reading import read_all

# A copy that has not grown for so long fails again and again, or replays what it cannot.
PATIENCE_SECONDS = 300


class Copying:
    """How far copies have got since the wait began. + directory: the data directory"""

    def __init__(self, directory: str) -> None:
        self._directory, self.watch = directory, Watch(directory)
        self._last, self._most, self._until = -1, -1, time.monotonic() + PATIENCE_SECONDS

    def goes_on(self, node: Node, state: str) -> bool:
        """
        Look at one member's copy, say how large it is, and whether it has grown in time. One that begins again for a
        reason that no wait fixes does not go on. + state: as Patroni says
        """
        size = read_all([node], DirectorySize, directory=self._directory)[node.name]
        host.log(f"{node.name} is {state}: {size} MiB so far")
        if size < self._last and (cause := self.watch.causes([node]).get(node.name)):
            host.log(f"{node.name} begins its copy again: {cause}")
        self._last = size
        if size > self._most:
            self._most, self._until = size, time.monotonic() + PATIENCE_SECONDS
        return time.monotonic() < self._until and not self.watch.hopeless([node])

    def refuse(self, node: Node, problem: str, others: Iterable[Node] = ()) -> NoReturn:
        """End the run with what the member that holds it up said last. As ``Watch.refuse`` has it."""
        self.watch.refuse(node, problem, others)
