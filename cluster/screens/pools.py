"""The pools of PgBouncer on the screen: whom each serves on which host, and what is paused."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.checks.overview import Overview
from cluster.checks.pgbouncer import seen_of
from cluster.components.pgbouncer import sizes
from cluster.declared.model import Node
from cluster.declared.pgbouncer import Pool, pooling_hosts, pools, processes

POOLS_HEADER = ("POOL", "ON", "STATE", " CLIENTS", " WAITING", " CONNECTIONS")
SILENT = "-"


def pools_words(overview: Overview) -> str:
    """The line that sums them up; "" where there are none."""
    cluster = overview.cluster
    listed = [(node, process) for node in pooling_hosts(cluster) for process in processes(cluster, node)]
    seen = [one for node, process in listed if (one := seen_of(overview, node, process)) is not None]
    if not listed:
        return ""
    clients, waiting = (sum(one[what] for one in seen) for what in ("clients", "waiting"))
    paused = sum(one["paused"] != "none" for one in seen)
    words = [f"{len(seen)} of {len(listed)} processes answer", f"{clients} clients", f"{waiting} wait"]
    return ", ".join([*words, *([f"{paused} PAUSED"] if paused else [])])


def pool_rows(overview: Overview) -> list[Sequence[str]]:
    """A line for each pool on each host, whatever the number of its processes."""
    cluster = overview.cluster
    return [_row(overview, node, pool) for pool in pools(cluster) for node in pooling_hosts(cluster)]


def _row(overview: Overview, node: Node, pool: Pool) -> Sequence[str]:
    cluster = overview.cluster
    asked = [seen_of(overview, node, one) for one in processes(cluster, node) if one.pool == pool]
    seen = [one for one in asked if one is not None]
    if not seen:
        return (pool, node.name, "SILENT" if overview.is_reached(node) else "no answer", SILENT, SILENT, SILENT)
    state = "PAUSED" if any(one["paused"] != "none" for one in seen) else "up"
    silent = f", {len(asked) - len(seen)} of {len(asked)} SILENT" if len(seen) < len(asked) else ""
    clients, waiting, servers = (sum(one[what] for one in seen) for what in ("clients", "waiting", "servers"))
    most = sizes.of_process(cluster, pool) * len(asked)
    return (pool, node.name, f"{state}{silent}", str(clients), str(waiting), f"{servers} of {most}")
