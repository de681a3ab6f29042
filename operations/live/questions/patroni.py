"""What a look asks a member of Patroni."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from facts.patroni import MemberResources, PatroniCluster

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """The cluster as this member sees it, and what it has for PostgreSQL."""
    if "postgres" not in node.roles:
        return {}
    return {
        "patroni": (PatroniCluster(), {}),
        "resources": (MemberResources(), {"directory": cluster.data_directory}),
    }
