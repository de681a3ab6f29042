"""The settings of PgBouncer: where it runs, its ports, and how many connections it may open."""

from __future__ import annotations

from typing import Literal

from cluster.settings.base import Strict, port, setting

# Beyond it, a second host is the better answer. Their units have names, which are known without a look at the host.
MOST_PROCESSES = 8


class PgbouncerSettings(Strict):
    """Connection pools for clients."""

    pgbouncer_on: Literal["none", "haproxy", "members"] = setting(
        "none",
        "haproxy: on the hosts of HAProxy, in front of it; members: on each member, in front of its own PostgreSQL; "
        "see docs/pooling.md",
    )
    pgbouncer_write_port: int = port(6432, "the primary, with transaction pooling")
    pgbouncer_read_port: int = port(6433, "the replicas, with transaction pooling")
    pgbouncer_session_port: int = port(6434, "the primary, with session pooling; closed without pgbouncer_session_size")
    pgbouncer_processes: int = setting(
        1,
        "processes of each pool on a host: each uses one core, and they share the pool's port",
        ge=1,
        le=MOST_PROCESSES,
    )
    pgbouncer_databases: int | None = setting(
        None,
        "databases that use a pool at the same time, for the sizes are per database; absent: as many as are in "
        "postgres_databases, 1 at least",
        ge=1,
    )
    pgbouncer_pool_size: int | None = setting(
        None,
        "connections to a member that one process of the pools write and read may open for one database; absent: "
        "derived, so that all pools together take three quarters of what a member has for clients",
        ge=1,
    )
    pgbouncer_session_size: int = setting(
        0,
        "the same of the pool session, for what transaction pooling forbids: so many clients of it are served at once; "
        "0: there is no such pool",
        ge=0,
    )
    pgbouncer_max_clients: int = setting(
        1000, "clients that one process accepts, with those that wait for a connection", ge=10, le=200_000
    )
    pgbouncer_pause_seconds: int = setting(
        15,
        "seconds after which clients that planned work lets wait go on by themselves, whatever became of the run",
        ge=5,
        le=60,
    )
    pgbouncer_transaction_seconds: int = setting(
        5, "seconds that planned work gives transactions under way to end, while other clients wait", ge=1, le=30
    )
    pgbouncer_wait_seconds: int = setting(
        120, "seconds that a query waits for a connection to a member before its client is disconnected", ge=1, le=86400
    )
