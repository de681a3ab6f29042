"""What a look asks a host of the virtual addresses."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from cluster.declared.vip import virtual_addresses
from facts.answer import Question
from facts.vip import VirtualAddresses


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which of them it has, those that may not have one included."""
    listed = [str(one.address) for one in virtual_addresses(cluster)]
    return {"vip": (VirtualAddresses, {"addresses": listed})} if listed else {}
