"""Move a live host to another address: stop it, remove it from etcd, build it at the declared address."""

from __future__ import annotations

from dataclasses import replace

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.data_mounts import ETCD as ETCD_DATA
from cluster.components.data_mounts import note_path
from cluster.components.etcd import BOOTSTRAP, etcd_data_directory
from cluster.components.etcd import UNIT as ETCD_UNIT
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd
from cluster.plans.move_node import former_memberships, move_lines, needs_etcd_anew, refuse_move
from cluster.verdicts.etcd_members import moved_members
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.live import Live
from cluster.verdicts.members import member_addresses, moved_findings
from cluster.verdicts.removal_notes import remaining
from facts.host import HostComponent
from facts.preflight.host import HostPicture
from operations.acts.act import Act
from operations.acts.commands import remove_paths
from operations.acts.component import Commands
from operations.live.etcd import look_at_etcd
from operations.live.members import look
from operations.patroni_configuration import allow_members
from operations.runs.remove_node.etcd_membership import move_etcd_leader, refuse_quorum_loss, remove_membership
from operations.runs.remove_node.procedure import stop_services_of
from operations.runs.switchover import switch_over
from operations.util.console import print_lines
from operations.util.hosts import acts_here, coordinator, current_node
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read


@operation()
def begin(cluster: Cluster, moving: str, *, force: bool = False, holding: Holding = HOLD) -> Commands:
    """
    Judge whether a host may move now, say what will happen, and let another member lead when it does. Refuses what
    ``refuse_move`` refuses. Does nothing when it is where it is declared.

    + moving: the node's name
    + force: also while a backup is under way that reads from it, which breaks off
    + holding: whether clients of PgBouncer wait meanwhile
    """
    node, rest = cluster.node(moving), remaining(cluster, {moving})
    if not acts_here(rest.members):
        return
    if not _is_elsewhere(cluster, node):
        host.noop(f"{moving} is where it is declared")
        return
    live = look(cluster)
    refuse_move(cluster, live, node, force=force)
    print_lines(move_lines(cluster, live, node))
    if live.leader == moving:
        # As a standby it comes from either address until it is stopped, and nobody waits for who is not let in.
        if not dry_run():
            yield from allow_members(_at_both(cluster, live, node))
        missing = [one.name for one in cluster.members if live.member(one.name) is None]
        yield from switch_over(cluster, without=missing, force=force, holding=holding)
    elif dry_run():
        yield from decide_later(f"what {moving} has still at the former address")


def _at_both(cluster: Cluster, live: Live, node: Node) -> Cluster:
    """The cluster as if a living member were a second one at its former address, too."""
    former = member_addresses(cluster, live.keys).get(node.name, str(node.address))
    return replace(cluster, nodes=(*cluster.nodes, replace(node, address=Address(former))))


@operation()
def stop_services(cluster: Cluster, moving: str, drain_seconds: int) -> Commands:
    """
    On the host: wait a while for its clients to go, then stop Patroni with its PostgreSQL, HAProxy and pgBackRest where
    they are elsewhere than declared. Refuses while it leads.

    + moving: the node's name
    + drain_seconds: how long clients have to finish; those that are left then are cut off
    """
    if current_node() != moving:
        host.noop(f"{moving} moves, not this host")
        return
    node = cluster.node(moving)
    if not _is_elsewhere(cluster, node):
        host.noop("it has no membership elsewhere")
        return
    yield from stop_services_of(cluster, node, drain_seconds)


@operation()
def leave_etcd(cluster: Cluster, moving: str) -> Commands:
    """
    Take the host's memberships at other addresses out of etcd. Refuses when the others would have no quorum.

    + moving: the node's name
    """
    node, rest = cluster.node(moving), remaining(cluster, {moving})
    if not acts_here(rest.etcd):
        return
    seen = _asked(rest)
    former = former_memberships(cluster, node, seen)
    if not former:
        host.noop(f"{moving} has no membership elsewhere")
        return
    refuse_quorum_loss(cluster, seen, node)
    yield from move_etcd_leader(cluster, rest, seen, former)
    for one in former:
        yield Act(coordinator(rest.etcd), remove_membership(rest, one))


@operation()
def clear_etcd(cluster: Cluster, moving: str) -> Commands:
    """
    On the host: stop an etcd whose membership is gone, and remove its data, with which it would never start again.

    + moving: the node's name
    """
    node = cluster.node(moving)
    if current_node() != moving or "etcd" not in node.roles:
        host.noop("this host's etcd stays")
        return
    seen, paths = _asked(cluster), [etcd_data_directory(cluster), BOOTSTRAP, note_path(ETCD_DATA)]
    there = host.get_fact(HostComponent, paths=paths, units={})["paths"]
    if not needs_etcd_anew(cluster, node, seen) or there[paths[0]] is None:
        host.noop("etcd here is of a membership that lasts")
        return
    if not dry_run() and (still := moved_members(cluster, seen["members"] or ())):
        raise UnsafeError(f"{still[0]}\nHINT: run again, which takes it out; its data stay until then.")
    yield StringCommand(f"systemctl disable --now --quiet {ETCD_UNIT}")
    yield StringCommand(remove_paths([path for path in paths if there[path] is not None], ()))


def _is_elsewhere(cluster: Cluster, node: Node) -> bool:
    """Whether a host lives at another address than declared, as etcd has it, or where etcd knows nothing, its files."""
    seen, pictures = _asked(cluster), read([node], HostPicture)
    found = moved_findings(cluster, seen["keys"], seen["members"], pictures)
    return ("cluster_address", node.name) in [(one.what, one.where) for one in found]


def _asked(cluster: Cluster) -> SeenEtcd:
    asked = look_at_etcd(cluster)
    if asked is None:
        raise UnsafeError("etcd does not answer\nHINT: fix it, and run again; this run goes on where it stopped.")
    return asked[1]
