"""What a look asks a host of keepalived."""

from __future__ import annotations

from cluster.components.keepalived import instances, is_wanted
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.keepalived import KeepalivedChecks


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """What its checks find: why no host has an address."""
    if not is_wanted(cluster, node):
        return {}
    return {"keepalived": (KeepalivedChecks, {"sections": {one.use: one.sections for one in instances(cluster, node)}})}
