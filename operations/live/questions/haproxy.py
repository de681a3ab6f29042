"""What a look asks a host of HAProxy."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.haproxy import HaproxyServers


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which servers it lets clients reach."""
    return {"haproxy": (HaproxyServers, {})} if "haproxy" in node.roles else {}
