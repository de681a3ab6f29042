"""Replace a lost host: remove its etcd member, slot and markers, so that a new host can take its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.etcd import etcd_data_directory
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.inventory.clusters import slot_name
from cluster.plans.remove_node import traces_of
from cluster.plans.replace_node import (
    Newcomer,
    former_addresses,
    is_in_place,
    is_stale,
    refuse_replacement,
    replacement_lines,
    unusable_slots,
)
from cluster.preflight.ports import tls_ports
from cluster.verdicts.live import Live
from cluster.verdicts.removal_notes import Replacement, remaining, removal_key, replacement_key, replacements
from facts.host import HostComponent
from facts.postgres import PSQL
from facts.preflight.ports import PeerPorts
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.etcdctl import change_etcd
from operations.live.etcd import look_at_etcd
from operations.live.members import look
from operations.runs.remove_node.etcd_membership import refuse_quorum_loss, remove_membership
from operations.util.console import print_lines
from operations.util.hosts import acts_here, coordinator
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read_all


@operation()
def remove_lost_member(cluster: Cluster, newcomer: str) -> Commands:
    """
    Take the lost host's membership out of etcd, and slots for it that nobody can read from any more; a build of the
    whole cluster follows. Refuses what ``refuse_replacement`` refuses. Does nothing when the host is in its place.

    + newcomer: name of the node, which is the lost one's
    """
    node, rest = cluster.node(newcomer), remaining(cluster, {newcomer})
    if not acts_here(rest.members):
        return
    live = look(rest)
    if is_in_place(cluster, live, node):
        host.noop(f"{newcomer} is in its place")
        return
    seen, found = _newcomer(cluster, rest, live, node), traces_of(cluster, live, node)
    note = replacements(cluster, live.keys).get(newcomer)
    if note is None or is_stale(note, found, seen):
        refuse_replacement(cluster, live, node, seen)
        print_lines(replacement_lines(cluster, live, node))
        ids = tuple(one["id"] for one in found.voters)
        note = Replacement(datetime.now(UTC).isoformat(timespec="seconds"), ids)
        key = quote(replacement_key(cluster, newcomer))
        yield change_etcd(rest, f"put {key} {quote(note.text)}")
    yield from _out_of_etcd(cluster, rest, node, note.etcd)
    for name in unusable_slots(live, node):
        yield Act(cluster.node(name), _drop(cluster, slot_name(newcomer)))


def _newcomer(cluster: Cluster, rest: Cluster, live: Live, node: Node) -> Newcomer:
    """The fresh host itself, and what the coordinator hears from where the lost one was."""
    paths = [f"{cluster.data_directory}/PG_VERSION", f"{etcd_data_directory(cluster)}/member"]
    seen = read_all([node], HostComponent, paths=paths, units={})[node.name]["paths"]
    settings = cluster.settings
    ports = (settings.patroni_rest_port, settings.postgres_port, settings.etcd_client_port, settings.etcd_peer_port)
    peers = [(address, port) for address in former_addresses(cluster, live, node) for port in ports]
    answers = host.get_fact(PeerPorts, peers=peers, tls=tls_ports(rest)) if peers else []
    answering = [(one["address"], one["port"]) for one in answers if one["answer"] == "open"]
    return Newcomer([path for path in paths if seen[path] is not None], answering)


def _out_of_etcd(cluster: Cluster, rest: Cluster, node: Node, lost: Sequence[str]) -> Commands:
    asked = look_at_etcd(rest)
    if asked is None:
        raise UnsafeError("etcd does not answer\nHINT: fix it, and run again; this run goes on where it stopped.")
    seen = asked[1]
    if memberships := [one for one in seen["members"] or () if one["id"] in lost]:
        refuse_quorum_loss(cluster, seen, node)
        for one in memberships:
            yield Act(coordinator(rest.etcd), remove_membership(rest, one["id"]))


def _drop(cluster: Cluster, slot: str) -> StringCommand:
    its = f"slot_name = '{slot}' and not active"
    sql = f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where {its}"
    return StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres -c {quote(sql)}")


@operation()
def clear_markers(cluster: Cluster, names: Sequence[str], *, replaced: bool = False) -> Commands:
    """
    Remove the notes that hosts were taken out: they are members again, or about to be.

    + names: of the nodes
    + replaced: the notes, too, that they are being replaced
    """
    if not acts_here(cluster.etcd):
        return
    asked = look_at_etcd(cluster)
    if asked is None and dry_run():
        yield from decide_later("notes about them")
        return
    if asked is None:
        raise UnsafeError("etcd does not answer\nHINT: fix it, and run again; this run goes on where it stopped.")
    witness, seen = asked
    kinds = (removal_key, *([replacement_key] if replaced else []))
    keys = [key_of(cluster, name) for name in names for key_of in kinds]
    notes = [key for key in keys if key in (seen["keys"] or {})]
    for key in notes:
        yield change_etcd(cluster, f"del {quote(key)}", through=witness)
    if not notes:
        host.noop("there is no note about them")
