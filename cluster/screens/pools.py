"""The pools of PgBouncer on the screen: which process serves whom, and what is paused."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.checks.overview import Overview
from cluster.checks.pgbouncer import seen_of
from cluster.components.pgbouncer import sizes
from cluster.declared.model import Node
from cluster.declared.pgbouncer import Process, pooling_hosts, processes

POOLS_HEADER = ("POOL", "ON", "STATE", " CLIENTS", " WAITING", " CONNECTIONS")
SILENT = "-"


def pools_words(overview: Overview) -> str:
    """The line that sums them up; "" where there are none."""
    listed = [
        (node, process) for node in pooling_hosts(overview.cluster) for process in processes(overview.cluster, node)
    ]
    seen = [one for node, process in listed if (one := seen_of(overview, node, process)) is not None]
    if not listed:
        return ""
    clients, waiting = (sum(one[what] for one in seen) for what in ("clients", "waiting"))
    paused = sum(one["paused"] != "none" for one in seen)
    words = [f"{len(seen)} of {len(listed)} processes answer", f"{clients} clients", f"{waiting} wait"]
    return ", ".join([*words, *([f"{paused} PAUSED"] if paused else [])])


def pool_rows(overview: Overview) -> list[Sequence[str]]:
    """A line for each process on each host."""
    hosts = pooling_hosts(overview.cluster)
    return [_row(overview, node, process) for node in hosts for process in processes(overview.cluster, node)]


def _row(overview: Overview, node: Node, process: Process) -> Sequence[str]:
    seen = seen_of(overview, node, process)
    if seen is None:
        state = "SILENT" if overview.is_reached(node) else "no answer"
        return (process.name, node.name, state, SILENT, SILENT, SILENT)
    state = {"all": "PAUSED", "some": "PAUSED IN PART"}.get(seen["paused"], "up")
    most = sizes.of_process(overview.cluster, process.pool)
    return (
        *(process.name, node.name, state, str(seen["clients"]), str(seen["waiting"])),
        f"{seen['servers']} of {most}",
    )
