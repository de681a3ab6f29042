"""What a look asks a member of Patroni."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """What the first steps of a build ask of it: what it has for PostgreSQL."""
    if "postgres" in node.roles:
        yield MemberResources, {"directory": cluster.data_directory}


def shared_questions(cluster: Cluster) -> Iterator[tuple[Sequence[Node], Question]]:
    """What they ask one of several hosts: the cluster as Patroni has it."""
    yield cluster.members, (PatroniCluster, {"expected": [one.name for one in cluster.members]})
