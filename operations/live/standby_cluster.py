"""A standby cluster and its source, asked at the same moment: how far each is."""

from __future__ import annotations

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.wal_end import SeenEnd
from cluster.plans.promote import Source, SourceMember, fed_words
from facts.postgres_end import WalEnd
from operations.util.hosts import read


def source_of(cluster: Cluster) -> Source:
    """The members of the cluster's source as they are now, each asked on its own host."""
    nodes = cluster.source.members if cluster.source is not None else ()
    ends: dict[str, SeenEnd | None] = read(nodes, WalEnd)
    return {name: SourceMember(end) for name, end in ends.items()}


def leaders_end(cluster: Cluster, leader: str | None) -> SeenEnd:
    """How far the standby leader is. Refuses while nobody can say. + leader: its name, when there is one"""
    node = cluster.node(leader) if leader is not None else cluster.members[0]
    end: SeenEnd | None = read([node], WalEnd)[node.name]
    if end is None:
        raise UnsafeError(f"{node.name} cannot be reached\nHINT: it leads {cluster.name}; fix that first.")
    return end


def fed(cluster: Cluster, leader: str | None) -> str | None:
    """Of what a cluster is a standby, and how far behind; None when it is none. + leader: its name"""
    if cluster.source is None:
        return None
    own = leaders_end(cluster, leader)
    nodes = cluster.source.members
    ends: dict[str, SeenEnd | None] = read(nodes, WalEnd)
    return fed_words(cluster, [end for end in ends.values() if end is not None], own)
