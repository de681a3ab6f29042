"""What a look asks a host of its packages."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from cluster.packages.plan import packages_question
from facts.answer import Question
from facts.packages import HostPackages


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Versions, holds and sources."""
    return {"packages": (HostPackages, packages_question(cluster, node))}


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """The same, for the steps of a build."""
    yield from questions(cluster, node).values()
