"""What a look asks a host of its certificates."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.components.all import held_places
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.certificates import HostCertificates


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Each certificate with its key and CA, where the host has any."""
    places = [[place.certificate, place.key, place.authority] for place in held_places(cluster, node)]
    return {"certificates": (HostCertificates, {"places": places})} if places else {}


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """The same, for the steps of a build."""
    yield from questions(cluster, node).values()
