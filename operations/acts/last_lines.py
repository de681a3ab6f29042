"""Show why something on a host did not come about: the last lines of those who know, and what they mean."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NoReturn

import gevent
from pyinfra import logger

from cluster.components.patroni_unit import UNIT
from cluster.declared.model import Node
from cluster.errors import UnsafeError
from cluster.observed.cause import SeenCause
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.causes import MEND, Cause, cause_in, stuck_text
from facts.host import UnitJournal
from facts.postgres.cause import LOGS, PostgresCause
from operations.util.hosts import target_of
from operations.util.reading import read, run_each

ANSWER_SECONDS = 15
# Between two looks at what those say who are waited for.
LOOK_SECONDS = 15


def show_last_lines(node: Node, unit: str, logs: str = "/dev/null") -> None:
    """
    Print the last lines of a unit, and of its newest log file, under the name of their host.

    + logs: a shell pattern of log files
    """
    lines = read([node], UnitJournal, unit=unit, logs=logs)[node.name]
    for line in lines if lines is not None else ["cannot be reached"]:
        target_of(node).log_styled(line, fg="red", log_func=logger.error)


def _complaints(node: Node, directory: str) -> SeenCause | None:
    """None of a host that is away by now: that is no reason to end a wait for it."""
    fact = PostgresCause()
    lines = run_each(target_of(node), [fact.command(data=directory)], ANSWER_SECONDS)[0]
    return fact.process(lines) if lines else None


class Watch:
    """
    What members complain of while they are waited for. Begins when it is made.

    + directory: the data directory
    """

    def __init__(self, directory: str) -> None:
        self._directory, self._began = directory, time.monotonic()

    def causes(self, nodes: Iterable[Node]) -> dict[str, Cause]:
        """Why members do not start or follow, by name; those alone that say it. Asked live."""
        waited = time.monotonic() - self._began
        jobs = {node.name: gevent.spawn(_complaints, node, self._directory) for node in nodes}
        found = ((name, cause_in(said, waited)) for name, job in jobs.items() if (said := job.get()) is not None)
        return {name: cause for name, cause in found if cause is not None}

    def hopeless(self, nodes: Iterable[Node]) -> bool:
        """Whether one of these ended so often since the wait began, always in the same way, that no wait helps."""
        return any(cause.certain for cause in self.causes(nodes).values())

    def until_settled(self, ask: Callable[[int], SeenPatroni], nodes: Iterable[Node], seconds: int) -> SeenPatroni:
        """
        Ask until the answer is settled, the time is over, or one of the members says that no wait helps.

        + ask: for the picture, waiting on the host itself for so many seconds
        + nodes: members that may keep it from settling
        """
        asked = list(nodes)
        for _ in range(max(1, -(-seconds // LOOK_SECONDS))):
            seen = ask(LOOK_SECONDS)
            if seen["settled"] or self.hopeless(asked):
                break
        return seen

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
