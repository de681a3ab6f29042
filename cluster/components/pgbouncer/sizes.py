"""How many connections the pools may open, so that all of them together never ask a member for more than it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.components.haproxy_connections import server_connections, usable_connections
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Pool, pooling_hosts, pools

# Of a process: to look up the roles of clients that log in, one at work, and one for when the first is stuck; and for
# the database postgres, which is for administrators and for the proof at the end of a run.
LOOKUPS, ADMINISTRATION = 2, 2
BESIDE = LOOKUPS + ADMINISTRATION
# Of what a member has for clients: what derived pools take. The rest is for those that come past PgBouncer.
POOLED_PARTS, PARTS = 3, 4
# What a process opens besides connections: its own files and sockets, and clients that are just being refused.
OTHER_FILES = 100
LEAST_FILES = 4096


@dataclass(frozen=True)
class Opened:
    """
    What pools may open to one member at worst, as a sum.

    + pools: those that may all lead to it
    + hosts: with PgBouncer, that lead to it
    + sized: connections of one process for one database, the pools added up
    """

    pools: tuple[Pool, ...]
    hosts: int
    processes: int
    databases: int
    sized: int

    @property
    def by_one_host(self) -> int:
        """The connections of one of the hosts."""
        return self.processes * (self.databases * self.sized + BESIDE * len(self.pools))

    @property
    def total(self) -> int:
        """The connections of all hosts."""
        return self.hosts * self.by_one_host


def databases(cluster: Cluster) -> int:
    """How many databases use a pool at the same time."""
    settings = cluster.settings
    return settings.pgbouncer_databases or max(1, len(settings.postgres_databases))


def pool_size(cluster: Cluster, pool: Pool) -> int:
    """The connections that one process of a pool may open for one database."""
    settings = cluster.settings
    if pool == "session":
        return settings.pgbouncer_session_size
    return derived_size(cluster) if settings.pgbouncer_pool_size is None else settings.pgbouncer_pool_size


def of_process(cluster: Cluster, pool: Pool) -> int:
    """All connections that one process of a pool may open."""
    return databases(cluster) * pool_size(cluster, pool) + BESIDE


def derived_size(cluster: Cluster) -> int:
    """That of the pools write and read when none is declared; below 1 there is no room for them."""
    return min(_fitting(cluster, met, limits(cluster)[0] * POOLED_PARTS // PARTS) for met in meetings(cluster))


def largest_size(cluster: Cluster) -> int:
    """The largest that may be declared: nothing is left for clients that come past PgBouncer."""
    return min(_fitting(cluster, met, limits(cluster)[0]) for met in meetings(cluster))


def meetings(cluster: Cluster) -> list[tuple[Pool, ...]]:
    """
    The pools that may all lead to one and the same member: to the primary, with the readers while no replica is fit; or
    to a replica. On a member they all lead to its own PostgreSQL.
    """
    settings, there = cluster.settings, pools(cluster)
    if not there:
        return []
    if settings.pgbouncer_on == "members" or settings.haproxy_replicas_fallback == "primary":
        return [there]
    return [tuple(pool for pool in there if pool != "read"), ("read",)]


def opened(cluster: Cluster, met: Sequence[Pool]) -> Opened:
    """What pools that meet may open to one member. + met: of ``meetings``"""
    sized = sum(pool_size(cluster, pool) for pool in met)
    return Opened(tuple(met), len(leading(cluster)), cluster.settings.pgbouncer_processes, databases(cluster), sized)


def limits(cluster: Cluster) -> tuple[int, int]:
    """What one member, and what one HAProxy in front of it, has for the pools."""
    usable = usable_connections(cluster)
    through = server_connections(cluster) if cluster.settings.pgbouncer_on == "haproxy" else usable
    return usable, through


def leading(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts whose pools may lead to one and the same member."""
    hosts = pooling_hosts(cluster)
    return hosts if cluster.settings.pgbouncer_on == "haproxy" else hosts[:1]


def _fitting(cluster: Cluster, met: tuple[Pool, ...], total: int) -> int:
    """The size with which pools that meet open no more to one member. + total: as much as that"""
    settings = cluster.settings
    room = min(total // len(leading(cluster)), limits(cluster)[1]) // settings.pgbouncer_processes
    rest = room - BESIDE * len(met) - databases(cluster) * settings.pgbouncer_session_size * ("session" in met)
    sharing = sum(pool != "session" for pool in met)
    return rest // (databases(cluster) * sharing)


def files(cluster: Cluster, pool: Pool) -> int:
    """
    The files that one process may have open. In steps: another limit takes a restart, which a few more clients are not
    worth.
    """
    needed = cluster.settings.pgbouncer_max_clients + of_process(cluster, pool)
    limit = LEAST_FILES
    while limit < needed + OTHER_FILES:
        limit *= 2
    return limit
