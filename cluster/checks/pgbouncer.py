"""What is wrong with the pools of PgBouncer: one is silent, paused for no run, too small, or not as declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.pgbouncer import sizes
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import LOOKUP_ROLE, Process, pooling_hosts, processes

# A busy pool lets clients wait for moments; a transaction that takes longer than this is worth a look.
WAIT_SECONDS = 5
# Databases with connections of their own in every pool.
_OWN = (LOOKUP_ROLE, "postgres")


def findings(overview: Overview) -> Iterator[CheckFinding]:
    """Everything about the pools of the hosts that were reached."""
    for node in overview.reached(pooling_hosts(overview.cluster)):
        if overview.has_answer(node, "pgbouncer"):
            for process in processes(overview.cluster, node):
                yield from _process(overview, node, process)


def seen_of(overview: Overview, node: Node, process: Process) -> Mapping[str, Any] | None:
    """What a process said of itself; None when it said nothing."""
    seen: Mapping[str, Any] | None = (overview.answer(node, "pgbouncer") or {}).get(process.name)
    return seen if seen is not None and not seen["error"] else None


def _process(overview: Overview, node: Node, process: Process) -> Iterator[CheckFinding]:
    seen = seen_of(overview, node, process)
    if seen is None:
        if not overview.is_stopped(node, process.unit):
            said = (overview.answer(node, "pgbouncer") or {}).get(process.name, {"error": "no answer"})["error"]
            problem = f"the pool {process.name} does not answer on its console: {said.splitlines()[-1]}"
            yield check_finding("pgbouncer-silent", node.name, problem, unit=process.unit)
        return
    if seen["paused"] != "none" and not _run_acts(overview):
        what = "is paused" if seen["paused"] == "all" else "is paused for some of its databases"
        problem = f"the pool {process.name} {what}, with {seen['clients']} clients, and no run is under way"
        yield check_finding("pgbouncer-paused", node.name, problem, name=process.name, port=process.port)
    yield from _load(overview.cluster, node, process, seen)
    if wrong := _other_settings(overview.cluster, process, seen["settings"]):
        problem = f"the pool {process.name} runs with {', '.join(wrong)}"
        yield check_finding("pgbouncer-settings", node.name, problem, unit=process.unit)


def _run_acts(overview: Overview) -> bool:
    lock = overview.run_lock
    return lock is not None and bool(lock["holder"])


def _load(cluster: Cluster, node: Node, process: Process, seen: Mapping[str, Any]) -> Iterator[CheckFinding]:
    if seen["maxwait"] > WAIT_SECONDS and seen["paused"] == "none":
        problem = f"a client of the pool {process.name} has waited for {seen['maxwait']} s; {seen['waiting']} wait"
        yield check_finding("pgbouncer-waiting", node.name, problem)
    used = [name for name, one in seen["databases"].items() if one["servers"] and name not in _OWN]
    known, planned = sizes.databases(cluster), sizes.of_process(cluster, process.pool)
    if len(used) > known:
        problem = (
            f"{len(used)} databases ({', '.join(sorted(used))}) use the pool {process.name}, {known} are declared; it "
            f"has {seen['servers']} connections, {planned} are planned"
        )
        yield check_finding("pgbouncer-databases", node.name, problem)


def _other_settings(cluster: Cluster, process: Process, running: Mapping[str, str]) -> list[str]:
    size = str(sizes.pool_size(cluster, process.pool))
    declared = {
        "default_pool_size": size,
        "max_db_connections": size,
        "max_client_conn": str(cluster.settings.pgbouncer_max_clients),
        "query_wait_timeout": str(cluster.settings.pgbouncer_wait_seconds),
        "pool_mode": "session" if process.pool == "session" else "transaction",
        "auth_type": "hba",
        "client_tls_sslmode": "require",
        "server_tls_sslmode": "verify-full",
    }
    wrong = {name: running.get(name) for name, value in declared.items() if running.get(name) != value}
    return [f"{name} {value}, {declared[name]} is declared" for name, value in wrong.items()]
