"""What a look asks a member of Patroni."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.patroni import MemberResources, PatroniCluster


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """The cluster as this member sees it, and what it has for PostgreSQL."""
    if "postgres" not in node.roles:
        return {}
    return {
        "patroni": (PatroniCluster, {}),
        "resources": (MemberResources, {"directory": cluster.data_directory}),
    }
