"""Show why something on a host did not come about: the last lines of those who know, and what they mean."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NoReturn

from pyinfra import logger

from cluster.causes import MEND, Cause, cause_in, stuck_text
from cluster.errors import UnsafeError
from cluster.model import Node
from cluster.observed_cause import SeenCause
from cluster.render_patroni_unit import UNIT
from facts.host import UnitJournal
from facts.postgres_cause import LOGS, PostgresCause
from operations.util.remote import read, target_of


def show_last_lines(node: Node, unit: str, logs: str = "/dev/null") -> None:
    """
    Print the last lines of a unit, and of its newest log file, under the name of their host.

    + logs: a shell pattern of log files
    """
    lines = read([node], UnitJournal, unit=unit, logs=logs)[node.name]
    for line in lines if lines is not None else ["cannot be reached"]:
        target_of(node).log_styled(line, fg="red", log_func=logger.error)


class Watch:
    """
    What members complain of while they are waited for. Begins when it is made.

    + directory: the data directory
    """

    def __init__(self, directory: str) -> None:
        self._directory, self._began = directory, time.monotonic()

    def causes(self, nodes: Iterable[Node]) -> dict[str, Cause]:
        """Why members do not start or follow, by name; those alone that say it. Asked live."""
        asked, waited = list(nodes), time.monotonic() - self._began
        seen: dict[str, SeenCause | None] = read(asked, PostgresCause, data=self._directory)
        found = ((name, cause_in(said, waited)) for name, said in seen.items() if said is not None)
        return {name: cause for name, cause in found if cause is not None}

    def hopeless(self, nodes: Iterable[Node]) -> bool:
        """Whether one of these ended so often since the wait began, always in the same way, that no wait helps."""
        return any(cause.certain for cause in self.causes(nodes).values())

    def shown(self, node: Node) -> Cause | None:
        """Print a member's last lines, and return the cause that is in them."""
        show_last_lines(node, UNIT, LOGS)
        return self.causes([node]).get(node.name)

    def refuse(self, node: Node, problem: str, others: Iterable[Node] = (), otherwise: str = MEND) -> NoReturn:
        """
        End the run with what the member that holds it up said last.

        + problem: a sentence
        + others: members one of which may hold it up instead, where ``node`` says nothing of itself
        + otherwise: the way out where nobody names a cause
        """
        asked = [node, *(one for one in others if one is not node)]
        found = self.causes(asked)
        named = next((one for one in asked if one.name in found), node)
        cause, other = self.shown(named), None if named is node else named.name
        raise UnsafeError(stuck_text(problem, named.name, cause, other, otherwise))
