"""What a look at a cluster asks a host: facts with their arguments, by the name under which checks find the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from cluster.declared.model import Cluster, Node
from cluster.discovery import contributions
from facts.answer import Answer
from operations.live import questions

Question: TypeAlias = tuple[Answer[Any], Mapping[str, Any]]


def questions_to(cluster: Cluster, node: Node) -> dict[str, Question]:
    """All questions to a host: those of each component that it has. Each component's are in the file of its name."""
    found: dict[str, Question] = {}
    for of_component in contributions(questions, "questions"):
        found |= of_component(cluster, node)
    return found
