"""What a look asks a host of its clock."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.chrony import HostClock


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which clock service runs."""
    return {"clock": (HostClock, {})}


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """The same, for the steps of a build."""
    yield from questions(cluster, node).values()
