"""What a look asks a host of BGP."""

from __future__ import annotations

import ipaddress

from cluster.components.bgp import is_wanted
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.bgp import BgpSessions


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Its sessions with the declared routers."""
    routers = [str(ipaddress.ip_address(text)) for text in node.settings.bgp_neighbors]
    return {"bgp": (BgpSessions, {"routers": routers})} if is_wanted(cluster, node) else {}
