"""What a look asks a member of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from facts.postgres_cause import PostgresCause
from facts.postgres_state import PostgresState

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Its state, and its last complaints."""
    if "postgres" not in node.roles:
        return {}
    return {
        "postgres": (PostgresState(), {}),
        "cause": (PostgresCause(), {"data": cluster.data_directory}),
    }
