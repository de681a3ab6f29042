"""What a look asks a member of PostgreSQL."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.postgres_cause import PostgresCause
from facts.postgres_state import PostgresState


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Its state, and its last complaints."""
    if "postgres" not in node.roles:
        return {}
    return {
        "postgres": (PostgresState, {}),
        "cause": (PostgresCause, {"data": cluster.data_directory}),
    }
