"""etcd: each member's configuration, the cluster they form, later members, and restarts one at a time."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from cluster.components.etcd import (
    BOOTSTRAP,
    UNIT,
    bootstrap_file,
    declared_peers,
    etcd_component,
    etcd_data_directory,
    peer_url,
)
from cluster.components.etcd_snapshot import snapshot_component, snapshot_hosts
from cluster.components.files import File
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd
from cluster.observed.host import SeenComponent
from cluster.plans.etcd_reinit import fixing
from cluster.verdicts.etcd_members import (
    joining,
    moved_members,
    peers_with,
    quorum_obstacle,
    serving,
    stray_learners,
    unfinished,
    unwell,
)
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from operations.acts.act import Act
from operations.acts.commands import or_journal, stamp, start_unit, write_file
from operations.acts.component import Commands, apply_component
from operations.acts.etcd_first_start import bootstrapped, first_start
from operations.acts.etcd_learner import promote_learner, remove_stray_learners
from operations.acts.etcdctl import etcd_command
from operations.acts.last_lines import show_last_lines
from operations.live.etcd_loaded import etcd_pictures, stale_members
from operations.runs.etcd_snapshot import keep_copies
from operations.util.first_look import looks_again
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.said import said

QUORUM_SECONDS = 60
RESTART_SECONDS = 60


@operation()
@looks_again
def member(cluster: Cluster) -> Commands:
    """
    Configure etcd on this host and start it where that is safe: with data of its own, or together with all others
    while no cluster exists. A host that has to join a formed cluster is left to ``quorum``.

    A host of etcd gets what takes snapshots; from the repository host it goes, for earlier versions had it there.

    + cluster: as declared; other hosts without the role etcd are left alone
    """
    node = cluster.node(host.name)
    if node not in snapshot_hosts(cluster):
        host.noop("no etcd on this host")
        return
    snapshots = snapshot_component(cluster, node)
    if "etcd" not in node.roles:
        yield from keep_copies(snapshots)
        return
    component = etcd_component(cluster, node)
    data, running = f"{etcd_data_directory(cluster)}/member", bootstrapped(component, _existing(cluster)) + snapshots
    seen = said(HostComponent, **running.question_with(data))
    if seen["paths"][data] is None:
        running = first_start(cluster, node, component) + snapshots
    yield from apply_component(running, seen)


@operation()
@looks_again
def quorum(cluster: Cluster) -> Commands:
    """
    Wait until etcd has its quorum, let declared hosts join that are not members yet, and restart members whose
    configuration changed; one at a time, each only while all are healthy. A host that cannot get etcd's data where it
    was added is taken out again. Called on every host, so that nothing that needs etcd comes before it; one host acts,
    and only on hosts of this run.

    Refuses while a member is unhealthy that has loaded its files, an alarm is raised or an added member never started.
    """
    if not acts_here(cluster.etcd):
        return
    seen = _settled(cluster)
    if dry_run() and quorum_obstacle(seen):
        yield from decide_later("etcd's members and their restarts")
        return
    if not dry_run() and quorum_obstacle(seen):
        seen = yield from _mended(cluster, seen)
    voters, acted = serving(cluster, seen["members"]), False
    if stray_learners(cluster, seen["members"] or ()):
        yield from remove_stray_learners(cluster, voters, seen)
        acted, seen = True, _look(cluster, voters)
    for node in in_this_run(_to_join(cluster, seen)):
        others = tuple(other for other in voters if other is not node)
        yield from _join(cluster, node, others, seen)
        voters, acted = (*others, node), True
        seen = _look(cluster, voters, wait_seconds=QUORUM_SECONDS)
    if acted:  # it takes no hosts from its file when it is reloaded
        host.log(f"Patroni learns of new etcd members within {10 * cluster.settings.patroni_ttl} s, 10 * patroni_ttl")
    pictures = etcd_pictures(cluster)
    stale = stale_members(cluster, pictures)
    yield from _restarted(cluster, stale, voters, seen)
    acted = acted or bool(stale)
    for node in _said_new(cluster, pictures):
        yield Act(node, write_file(_existing(cluster)))
        acted = True
    if not acted:
        host.noop("etcd is healthy and every member runs with its configuration")


def restarts(cluster: Cluster) -> Commands:
    """Restart those members that have not loaded their files; one at a time, each only while all are healthy."""
    seen = _settled(cluster)
    yield from _restarted(
        cluster, stale_members(cluster, etcd_pictures(cluster)), serving(cluster, seen["members"]), seen
    )


def _restarted(cluster: Cluster, stale: Sequence[Node], voters: Sequence[Node], seen: SeenEtcd) -> Commands:
    if stale:
        host.log(f"restarts etcd, one after the other: {', '.join(node.name for node in stale)}")
    for node in stale:
        _refuse_unless_healthy(cluster, seen)
        yield Act(node, _restart(cluster, node))
        seen = _look(cluster, voters, wait_seconds=QUORUM_SECONDS)
    _refuse_unless_healthy(cluster, seen)


def _mended(cluster: Cluster, seen: SeenEtcd) -> Generator[PyinfraCommand, None, SeenEtcd]:
    """Restart those that are not healthy and run with other files than theirs, which may be why: they carry nothing."""
    voters, pictures = serving(cluster, seen["members"]), etcd_pictures(cluster)
    lame = [node for node in voters if node.address.url(cluster.settings.etcd_client_port) in seen["unhealthy"]]
    # One that does not run was not started for a reason, e.g. that it has no data.
    sick = [node for node in stale_members(cluster, pictures) if node in lame and _runs(pictures[node.name])]
    for node in sick:
        yield Act(node, _restart(cluster, node))
    return _look(cluster, voters, wait_seconds=QUORUM_SECONDS) if sick else seen


def _runs(seen: SeenComponent) -> bool:
    return seen["units"][UNIT]["active"] not in ("inactive", "failed")


def refuse_unloaded(cluster: Cluster) -> None:
    """Refuse while a member of etcd runs with other files than lie on its host."""
    if stale := stale_members(cluster, etcd_pictures(cluster)):
        raise UnsafeError(
            f"etcd on {stale[0].name} has not loaded its files\nHINT: run deploys/cluster.py again, which restarts it."
        )


def _look(cluster: Cluster, nodes: Sequence[Node], *, wait_seconds: int = 0) -> SeenEtcd:
    endpoints = [node.address.url(cluster.settings.etcd_client_port) for node in nodes]
    return said(
        EtcdCluster, endpoints=endpoints, prefix=cluster.scope_key, wait_seconds=wait_seconds, if_open=dry_run()
    )


def _settled(cluster: Cluster) -> SeenEtcd:
    """What etcd says when those that have a vote are healthy, or have had the time for it."""
    seen = _look(cluster, cluster.etcd)
    if dry_run() or quorum_obstacle(seen) is None or stray_learners(cluster, seen["members"] or ()):
        return seen
    return _look(cluster, serving(cluster, seen["members"]), wait_seconds=QUORUM_SECONDS)


def _refuse_unless_healthy(cluster: Cluster, seen: SeenEtcd) -> None:
    if obstacle := quorum_obstacle(seen):
        lame = _shown(cluster, seen)
        raise UnsafeError(f"{obstacle}\nHINT: {fixing(cluster, seen, lame)}; no other member is touched meanwhile.")


def _shown(cluster: Cluster, seen: SeenEtcd) -> Sequence[Node]:
    for node in (lame := unwell(cluster, seen)):
        show_last_lines(node, UNIT)
    return lame


def _to_join(cluster: Cluster, seen: SeenEtcd) -> tuple[Node, ...]:
    if seen["members"] is None:
        _shown(cluster, seen)
        raise UnsafeError(f"{quorum_obstacle(seen)}\nHINT: fix what the last lines of etcd name, and run again.")
    if moved := moved_members(cluster, seen["members"]):
        raise UnsafeError(
            "\n".join(moved) + "\nHINT: go back to that address and port; deploys/move_node.py changes an address."
        )
    begun = tuple(node for node, _ in unfinished(cluster, seen["members"]))
    return begun + joining(cluster, seen["members"])


def _join(cluster: Cluster, node: Node, voters: Sequence[Node], seen: SeenEtcd) -> Commands:
    """One host becomes a member: added as a learner, which has no vote, and promoted when it has the data."""
    members = seen["members"] or []
    known = {url: one for one in members for url in one["peer_urls"]}
    mine = known.get(peer_url(cluster, node))
    if mine is None:
        if obstacle := quorum_obstacle(seen):
            way = fixing(cluster, seen, unwell(cluster, seen))
            raise UnsafeError(f"{node.name} cannot join: {obstacle}\nHINT: {way}; only then.")
        yield StringCommand(_add(cluster, voters, node))
    if mine is None or not mine["started"]:
        peers = peers_with(cluster, node, members)
        yield Act(node, write_file(bootstrap_file(cluster, peers, state="existing")))
        # Not awaited: one that cannot start, for the others refuse it, is a learner that is late.
        yield Act(node, start_unit(UNIT, etcd_component(cluster, node).units[0].loads, wait=False))
    yield from promote_learner(cluster, node, voters, QUORUM_SECONDS)


def _add(cluster: Cluster, voters: Sequence[Node], node: Node) -> str:
    # etcd refuses until all members have been connected for 5 s, which the one that joined just before has not.
    listed = etcd_command(cluster, voters, f"member list | grep -qF {peer_url(cluster, node)},")
    add = etcd_command(cluster, voters, f"member add {node.name} --learner --peer-urls={peer_url(cluster, node)}")
    return f"timeout {QUORUM_SECONDS} sh -c 'until {listed} || {add}; do sleep 0.5; done'"


def _said_new(cluster: Cluster, pictures: Mapping[str, SeenComponent]) -> list[Node]:
    """Hosts that would, with their data lost, try to form a second cluster instead of asking to join."""
    existing = _existing(cluster)
    return [cluster.node(name) for name, seen in pictures.items() if not existing.fits(seen["paths"][BOOTSTRAP])]


def _existing(cluster: Cluster) -> File:
    return bootstrap_file(cluster, declared_peers(cluster), state="existing")


def _restart(cluster: Cluster, node: Node) -> StringCommand:
    unit = etcd_component(cluster, node).units[0]
    restart = f"systemctl daemon-reload && {{ timeout {RESTART_SECONDS} systemctl restart {UNIT}; }} {or_journal(UNIT)}"
    return StringCommand(f"{restart} && {stamp(UNIT, unit.loads)}")
