"""What is wrong inside each member's PostgreSQL: slots, long transactions, the archiver, what was set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cluster.checks.archiver import archiver_findings
from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.checks.parameters import overridden
from cluster.declared.model import Node
from cluster.inventory.clusters import slot_name
from cluster.measures import MIB, duration_text
from cluster.observed.postgres import SeenPostgres
from cluster.plans.configure import file_error
from cluster.verdicts.health import upstream
from cluster.verdicts.slots import doomed_slots

OLD_SECONDS = 3600
CONNECTIONS_PERCENT = 90
# Of the disk with the data: a slot that keeps this much is no matter of a slow minute any more.
SLOT_PART = 10


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about PostgreSQL on the members that answer."""
    for node in overview.cluster.members:
        seen = overview.postgres(node)
        if seen is not None:
            yield from _altered(overview, node, seen)
            yield from _unread(node, seen)
            yield from _connections(node, seen)
            yield from _transactions(node, seen)
            yield from archiver_findings(overview, node, seen)
            # A standby keeps copies of its primary's slots, which nobody reads from there.
            yield from _slots(overview, node, seen) if not seen["in_recovery"] else ()
            yield from _strangers(overview, node, seen)
    yield from _other_data(overview)


def _altered(overview: Overview, node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    graver = overridden(overview, seen)
    for name, value in ((name, value) for name, value in seen["altered"].items() if name not in graver):
        yield check_finding("altered", node.name, f"{name} = {value} is set in postgresql.auto.conf", name=name)


def _unread(node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    for one in seen.get("file_errors", []):
        yield check_finding("file-unread", node.name, file_error(one))


def _connections(node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    limit = seen["settings"].get("max_connections")
    taken = seen["connections"]
    if limit is not None and taken is not None and 100 * taken > CONNECTIONS_PERCENT * int(limit["setting"]):
        yield check_finding("connections", node.name, f"{taken} of {limit['setting']} connections are taken")


def _transactions(node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    for one in seen["transactions"]:
        if one["seconds"] > OLD_SECONDS:
            who = f"{one['user']} in {one['database']} ({one['application'] or 'no name'}, {one['state']})"
            problem = f"a transaction of {who} is open for {duration_text(one['seconds'])}"
            yield check_finding("transaction-old", node.name, problem, pid=one["pid"])
    prepared = seen["prepared"]
    # A standby shows its primary's.
    if prepared is not None and prepared["oldest_seconds"] > OLD_SECONDS and not seen["in_recovery"]:
        problem = (
            f"{prepared['count']} transactions are prepared, the oldest for {duration_text(prepared['oldest_seconds'])}"
        )
        yield check_finding("prepared-old", node.name, problem)


def _slots(overview: Overview, node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    owners = {slot_name(member.name): member for member in overview.cluster.members}
    for slot in seen["slots"]:
        owner = owners.get(slot["name"])
        if slot["status"] == "lost":
            yield check_finding("slot-lost", node.name, f"{slot['name']} is lost", slot=slot["name"])
        elif not slot["active"] and (owner is None or _reads_here(overview, owner)):
            problem = f"{slot['name']} is inactive and keeps {kept_mib(slot)} MiB of WAL"
            yield check_finding("slot-inactive", node.name, problem, slot=slot["name"])
        if kept_mib(slot) * SLOT_PART > _disk_mib(overview, node):
            yield check_finding("slot-keeps-much", node.name, f"{slot['name']} keeps {kept_mib(slot)} MiB of WAL")


def _strangers(overview: Overview, node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    """What people have made; on standbys, too, where Patroni drops it as well."""
    patroni = overview.patroni
    if patroni is None or patroni["config"] is None:
        return
    # Of a host that was taken out the others keep the slot for a while.
    owners = {*(member.name for member in overview.cluster.members), *patroni["members"], *overview.removed}
    for name in doomed_slots(patroni, owners, seen["slots"]):
        problem = f"{name} is not declared: Patroni drops it at the next start, switchover or resume"
        yield check_finding("slot-undeclared", node.name, problem, slot=name)


def _reads_here(overview: Overview, owner: Node) -> bool:
    """
    Whether a standby has to read from its slot on the primary. A dead one is a finding itself, and for one that streams
    from another standby Patroni moves the slot on, in case that one goes away. One that is late on purpose comes back
    to it when it has replayed what it has.
    """
    cascades = overview.patroni is not None and upstream(overview.patroni, owner.name)
    state = overview.postgres(owner)
    return state is not None and not state["apply_delay_ms"] and not cascades


def kept_mib(slot: dict[str, Any]) -> int:
    """How much WAL a slot keeps."""
    return int(slot["retained"] or 0) // MIB


def _disk_mib(overview: Overview, node: Node) -> float:
    room = overview.rooms(node).get(overview.cluster.data_directory)
    return float(room["total_mib"]) if room else float("inf")


def _other_data(overview: Overview) -> Iterable[CheckFinding]:
    known = {node.name: identifier for node in overview.cluster.members if (identifier := _identifier(overview, node))}
    right = known.get(overview.leader.name) if overview.leader else None
    for name, identifier in known.items():
        if right is not None and identifier != right:
            problem = f"its data has the system identifier {identifier}, the leader's has {right}"
            yield check_finding("other-data", name, problem)


def _identifier(overview: Overview, node: Node) -> str | None:
    seen = overview.answer(node, "postgres")
    return seen["control"]["identifier"] if seen is not None and seen["control"] else None
