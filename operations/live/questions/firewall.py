"""What a look asks a host of its firewall."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.firewall import HostFirewall


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Whether our rules are loaded, also where none are declared."""
    return {"firewall": (HostFirewall, {})}
