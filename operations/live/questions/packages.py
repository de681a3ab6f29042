"""What a look asks a host of its packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from cluster.packages.plan import packages_question
from facts.packages import HostPackages

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Versions, holds and sources."""
    return {"packages": (HostPackages(), packages_question(cluster, node))}
