"""Take a host out of a running cluster: judged, another leader, its services stopped, and then all trace of it gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.all import emptied_directories, foreign_paths, own_units, units_of
from cluster.components.component_type import Phase
from cluster.components.patroni_unit import UNIT as PATRONI_UNIT
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError, UnsafeError
from cluster.plans.destroy import ties_on
from cluster.plans.remove_node import farewell_lines, refuse_half_done, refuse_removal, removal_lines, was_removed
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.live import Live
from cluster.verdicts.members import refuse_moved
from cluster.verdicts.removal_notes import Removal, remaining, removal_key, removals
from cluster.verdicts.slots import slot_remarks
from facts.host import HostComponent
from facts.patroni import PatroniCluster
from facts.postgres.sessions import ClientsLeft
from facts.postgres.state import PostgresState
from operations.acts.commands import remove_paths
from operations.acts.component import Commands
from operations.acts.etcdctl import change_etcd
from operations.acts.tablespaces import removal_of_tablespaces
from operations.live.etcd import look_at_etcd
from operations.live.members import look
from operations.packages import release_holds
from operations.runs.switchover import switch_over
from operations.util.console import print_lines
from operations.util.hosts import acts_for, acts_here, current_node, in_this_run
from operations.util.planning import dry_run


def without_removed(cluster: Cluster, leaving: str) -> Cluster:
    """
    The cluster without the hosts that were taken out and are still declared. Refuses while etcd does not say, while
    one of them is only half way out, and while a living one is at another address than declared or not declared.

    + leaving: the node that goes now, which is left in
    """
    asked = look_at_etcd(cluster)
    if asked is None:
        raise ConfigError(
            f"etcd of {cluster.name} does not answer; a host cannot be removed without it\n"
            "HINT: look at 'journalctl -u etcd'; nothing was changed."
        )
    refuse_half_done(cluster, asked[1], leaving)
    refuse_moved(cluster, asked[1], leaving)
    return remaining(cluster, set(removals(cluster, asked[1]["keys"])) - {leaving})


@operation()
def begin(
    cluster: Cluster,
    leaving: str,
    *,
    alone: bool = False,
    wipe: bool = False,
    force: bool = False,
    holding: Holding = HOLD,
) -> Commands:
    """
    Judge whether a host may go, say what will happen, note in etcd that it goes, and let another member lead when it
    does. Refuses what ``refuse_removal`` refuses. Does nothing when it is gone.

    + leaving: the node's name
    + alone: although nobody could take over from the leader afterwards
    + wipe: its data will be removed
    + force: also while a backup is under way that reads from it, which breaks off
    + holding: whether clients of PgBouncer wait meanwhile
    """
    node, rest = cluster.node(leaving), remaining(cluster, {leaving})
    if not acts_here(rest.members):
        return
    reached = bool(in_this_run((node,)))
    live = look(cluster if reached else rest)
    if was_removed(cluster, live, node):
        host.noop(f"{leaving} is no part of {cluster.name} any more")
        return
    refuse_removal(cluster, live, node, reached=reached, alone=alone, force=force)
    slots = [f"  note   {remark}" for remark in slot_remarks(cluster, live)]
    print_lines([*removal_lines(cluster, live, node, reached=reached, wipe=wipe), *slots])
    yield from _noted(rest, live, leaving)
    if live.leader == leaving:
        missing = [one.name for one in cluster.members if live.member(one.name) is None]
        yield from switch_over(cluster, without=missing, leaving=leaving, force=force, holding=holding)


def _noted(rest: Cluster, live: Live, leaving: str) -> Commands:
    """From here on no other run builds the host up again, wherever this one is cut off."""
    if live.etcd is None or leaving in removals(rest, live.etcd["keys"]):
        return
    config = live.patroni["config"] or {}
    note = Removal(datetime.now(UTC).isoformat(timespec="seconds"), config.get("member_slots_ttl"))
    yield change_etcd(rest, f"put {quote(removal_key(rest, leaving))} {quote(note.text)}")


@operation()
def stop_services(cluster: Cluster, leaving: str, drain_seconds: int) -> Commands:
    """
    On the leaving host: wait a while for its clients to go, for nobody sends new ones any more, then stop and disable
    Patroni with its PostgreSQL, HAProxy and pgBackRest. Refuses while it leads.

    + leaving: the node's name
    + drain_seconds: how long clients have to finish; those that are left then are cut off
    """
    if current_node() != leaving:
        host.noop(f"{leaving} leaves, not this host")
        return
    yield from stop_services_of(cluster, cluster.node(leaving), drain_seconds)


def stop_services_of(cluster: Cluster, node: Node, drain_seconds: int) -> Commands:
    """The same, on the host of the node."""
    active = _on(_units(cluster, node))
    if PATRONI_UNIT in active:
        _refuse_a_leader(node.name)
        _drain(cluster, 0 if dry_run() else drain_seconds)
    for unit in active:
        yield _stop(cluster, unit)
    if not active:
        host.noop("its services are stopped and disabled")


def _drain(cluster: Cluster, seconds: int) -> None:
    if not host.get_fact(PostgresState)["answers"]:
        return  # what is down has no clients
    if left := host.get_fact(ClientsLeft, port=cluster.settings.postgres_port, wait_seconds=seconds):
        host.log(f"{left} connections to PostgreSQL here end")


def _units(cluster: Cluster, node: Node) -> list[str]:
    """Services that go before etcd does; PostgreSQL's first, so that HAProxy there sees it go."""
    phases: tuple[Phase, ...] = ("members", "clients", "archive")
    return [unit for phase in phases for unit in units_of(cluster, node, phase)]


def _on(units: Sequence[str]) -> list[str]:
    """Those of some units that run now, or would after a reboot."""
    seen = host.get_fact(HostComponent, paths=[], units={unit: [] for unit in units})["units"] if units else {}
    return [
        name
        for name, unit in seen.items()
        if unit["present"] and (unit["active"] not in ("inactive", "failed") or unit["enabled"] == "enabled")
    ]


def _refuse_a_leader(leaving: str) -> None:
    seen = host.get_fact(PatroniCluster)
    if seen["leader"] == leaving and not dry_run():
        raise UnsafeError(
            f"{leaving} leads again and is not stopped\nHINT: run again; another member leads first then."
        )


def _stop(cluster: Cluster, unit: str) -> StringCommand:
    # A PostgreSQL that goes on without Patroni would go on taking writes that nobody replicates. What a power cut has
    # left of one is a file alone.
    pid = f"$(head -n 1 {quote(cluster.data_directory)}/postmaster.pid 2>/dev/null)"
    gone = f' && [ "$(cat "/proc/{pid}/comm" 2>/dev/null)" != postgres ]' if unit == PATRONI_UNIT else ""
    return StringCommand(f"systemctl disable --now --quiet {quote(unit)}{gone}")


@operation()
def clear_host(cluster: Cluster, leaving: str, *, wipe: bool = False) -> Commands:
    """
    On the host that has left: stop and disable etcd, and remove what ties it to the cluster: configuration, units,
    programs, passwords, keys, and etcd's data, with which no etcd starts that is no member. PostgreSQL's data stay,
    snapshots of etcd, and packages, which are the administrator's from then on.

    + leaving: the node's name
    + wipe: remove PostgreSQL's data, too
    """
    if current_node() != leaving:
        host.noop(f"{leaving} leaves, not this host")
        return
    node = cluster.node(leaving)
    ties, stopped_before = ties_on(cluster, node, wipe=wipe), _units(cluster, node)
    seen = host.get_fact(HostComponent, paths=ties, units={})["paths"]
    active = _on([unit for unit in own_units(cluster, node, seen) if unit not in stopped_before])
    for unit in active:
        yield _stop(cluster, unit)
    foreign = foreign_paths(cluster, node, seen)
    if there := [path for path in ties if seen[path] is not None and path not in foreign]:
        spaces = removal_of_tablespaces(cluster.data_directory) if cluster.data_directory in there else ""
        yield StringCommand(spaces + remove_paths(there, emptied_directories()))
    yield from release_holds(cluster, node)
    if not active and not there:
        host.noop("nothing ties this host to the cluster")


@operation()
def report(cluster: Cluster, leaving: str) -> Commands:
    """Say what is left to the operator. + leaving: the node's name"""
    node = cluster.node(leaving)
    if acts_for(remaining(cluster, {leaving}).members) and not dry_run():
        print_lines(farewell_lines(cluster, node, reached=bool(in_this_run((node,)))))
    host.noop("reported above")
    return
    yield
