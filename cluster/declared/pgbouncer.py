"""The pools of PgBouncer: which there are, on which hosts, and the processes that serve them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cluster.declared.model import Cluster, Node
from cluster.settings.pgbouncer import MOST_PROCESSES

# The one name of a pool in every layer. ``write`` and ``session`` lead to the primary, ``read`` to the replicas.
Pool: TypeAlias = Literal["write", "read", "session"]
POOLS: tuple[Pool, ...] = ("write", "read", "session")

# PgBouncer logs in as the first and asks, through a function of the second, for the verifiers of its clients' roles.
AUTH_ROLE, LOOKUP_ROLE = "pgbouncer_auth", "pgbouncer_lookup"

RUN_DIRECTORY = "/run/pgbouncer"


@dataclass(frozen=True)
class Process:
    """
    One process of PgBouncer on a host: it listens on one port, which several of a pool share.

    + name: of its files, and of its unit after the @
    + number: among those of its pool, from 1
    """

    pool: Pool
    name: str
    number: int
    port: int

    @property
    def unit(self) -> str:
        """Its unit of systemd."""
        return unit_of(self.name)

    @property
    def directory(self) -> str:
        """Where its socket is."""
        return f"{RUN_DIRECTORY}/{self.name}"

    @property
    def socket(self) -> str:
        """The socket of its administration console, as libpq calls it."""
        return f"{self.directory}/.s.PGSQL.{self.port}"


def unit_of(name: str) -> str:
    """The unit of a process. + name: the process's"""
    return f"pgbouncer@{name}"


def pooling_hosts(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts with PgBouncer."""
    return {"haproxy": cluster.balancers, "members": cluster.members}.get(cluster.settings.pgbouncer_on, ())


def is_looked_up(cluster: Cluster) -> bool:
    """Whether a PgBouncer looks up roles in a cluster's data: its own, or one of a standby cluster."""
    return any(map(pooling_hosts, (cluster, *cluster.standbys)))


def pools(cluster: Cluster) -> tuple[Pool, ...]:
    """The pools of each of these hosts; none where there is no PgBouncer."""
    if not pooling_hosts(cluster):
        return ()
    return POOLS if cluster.settings.pgbouncer_session_size else POOLS[:2]


def pool_port(cluster: Cluster, pool: Pool) -> int:
    """The port on which clients find a pool."""
    settings = cluster.settings
    ports = (settings.pgbouncer_write_port, settings.pgbouncer_read_port, settings.pgbouncer_session_port)
    return ports[POOLS.index(pool)]


def processes(cluster: Cluster, node: Node) -> tuple[Process, ...]:
    """The processes of PgBouncer on a host; none where it has none."""
    if node not in pooling_hosts(cluster):
        return ()
    count = cluster.settings.pgbouncer_processes
    return tuple(
        Process(pool, pool if count == 1 else f"{pool}-{number}", number, pool_port(cluster, pool))
        for pool in pools(cluster)
        for number in range(1, count + 1)
    )


# Every name that a process can have, whatever is declared.
PROCESS_NAMES = tuple(
    name for pool in POOLS for name in (pool, *(f"{pool}-{number}" for number in range(1, MOST_PROCESSES + 1)))
)
