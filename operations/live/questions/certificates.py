"""What a look asks a host of its certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.components.all import held_places
from cluster.declared.model import Cluster, Node
from facts.certificates import HostCertificates

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Each certificate with its key and CA, where the host has any."""
    places = [[place.certificate, place.key, place.authority] for place in held_places(cluster, node)]
    return {"certificates": (HostCertificates(), {"places": places})} if places else {}
