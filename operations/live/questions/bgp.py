"""What a look asks a host of BGP."""

from __future__ import annotations

from cluster.components.bgp import is_wanted, routers
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.bgp import BgpSessions


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Its sessions with the declared routers."""
    return {"bgp": (BgpSessions, {"routers": routers(node)})} if is_wanted(cluster, node) else {}
