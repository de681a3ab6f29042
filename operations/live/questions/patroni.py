"""What a look asks a member of Patroni."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.patroni import MemberResources, PatroniCluster
from operations.util.hosts import coordinator


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """The cluster as this member sees it, and what it has for PostgreSQL."""
    if "postgres" not in node.roles:
        return {}
    return {
        "patroni": (PatroniCluster, {}),
        "resources": (MemberResources, {"directory": cluster.data_directory}),
    }


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """What the first steps of a build ask of it: the cluster, of one member, and what each has for PostgreSQL."""
    if "postgres" not in node.roles:
        return
    if node is coordinator(cluster.members):
        yield PatroniCluster, {"expected": [one.name for one in cluster.members]}
    yield MemberResources, {"directory": cluster.data_directory}
