"""What a look asks a host of its clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from facts.chrony import HostClock

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which clock service runs."""
    return {"clock": (HostClock(), {})}
