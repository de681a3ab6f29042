"""What a look asks a host of its firewall."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.preflight.firewall import HostFirewall


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Whether our rules are loaded, also where none are declared."""
    return {"firewall": (HostFirewall, {})}


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """The same, for the steps of a build."""
    yield from questions(cluster, node).values()
