"""A standby cluster and its source, asked at the same moment: how far each is."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.member_data import SeenData
from cluster.observed.postgres import SeenPostgres
from cluster.parameters.values import ORDERED
from cluster.plans.promote import Source, SourceMember, replication_source_words
from facts.postgres.state import PostgresState
from operations.live.member_data import members_data
from operations.util.reading import read


def source_of(cluster: Cluster) -> Source:
    """The members of the cluster's source as they are now, each asked on its own host."""
    return {name: SourceMember(end) for name, end in _sources(cluster).items()}


def _sources(cluster: Cluster) -> dict[str, SeenData | None]:
    return {} if cluster.source is None else members_data(cluster.source, cluster.source.members)


def source_settings(cluster: Cluster) -> dict[str, int]:
    """The five ordered settings with which the source's primary runs; empty where it has none, or cannot be asked."""
    if cluster.source is None:
        return {}
    seen: dict[str, SeenPostgres | None] = read(cluster.source.members, PostgresState)
    primary = next((one for one in seen.values() if one is not None and one["in_recovery"] is False), None)
    return {} if primary is None else {name: int(primary["settings"][name]["setting"]) for name in ORDERED}


def leader_data(cluster: Cluster, leader: str | None) -> SeenData:
    """How far the standby leader is. Refuses while nobody can say. + leader: its name, when there is one"""
    node: Node = cluster.node(leader) if leader is not None else cluster.members[0]
    end = members_data(cluster, [node])[node.name]
    if end is None:
        raise UnsafeError(f"{node.name} cannot be reached\nHINT: it leads {cluster.name}; fix that first.")
    return end


def replication_source(cluster: Cluster, leader: str | None) -> str | None:
    """Of what a cluster is a standby, and how far behind; None when it is none. + leader: its name"""
    if cluster.source is None:
        return None
    own = leader_data(cluster, leader)
    return replication_source_words(cluster, [end for end in _sources(cluster).values() if end is not None], own)
