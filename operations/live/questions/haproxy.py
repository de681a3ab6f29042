"""What a look asks a host of HAProxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from facts.haproxy import HaproxyServers

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which servers it lets clients reach."""
    return {"haproxy": (HaproxyServers(), {})} if "haproxy" in node.roles else {}
