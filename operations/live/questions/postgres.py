"""What a look asks a member of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.postgres import PostgresObjects
from facts.postgres.cause import PostgresCause
from facts.postgres.databases import PostgresStatistics
from facts.postgres.state import PostgresState

# They fail on a standby.
OF_THE_LEADER = (PostgresObjects, PostgresStatistics)


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Its state, and its last complaints."""
    if "postgres" not in node.roles:
        return {}
    return {
        "postgres": (PostgresState, {}),
        "cause": (PostgresCause, {"data": cluster.data_directory}),
    }


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """What the first steps of a build ask of it: databases and roles on the leader; its state where WAL is archived."""
    if "postgres" not in node.roles:
        return
    if cluster.source is None:
        yield from ((kind, {"port": cluster.settings.postgres_port}) for kind in OF_THE_LEADER)
    if cluster.repository is not None:
        yield PostgresState, {}
