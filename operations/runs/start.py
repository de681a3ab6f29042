"""PostgreSQL of a whole cluster started, with the member first that has the newest data."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.patroni_unit import UNIT
from cluster.declared.model import Cluster, Node
from cluster.observed.member_data import SeenData
from cluster.observed.patroni import SeenPatroni
from cluster.plans.start import choice_lines, last_leader, started_lines
from cluster.verdicts.data_positions import is_running, may_start, most_advanced, primary_of, refuse_unread
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.health import holdup
from facts.patroni import PatroniCluster
from operations.acts.act import Act
from operations.acts.commands import or_journal
from operations.acts.component import Commands
from operations.acts.copies import Copying
from operations.acts.last_lines import Watch
from operations.acts.restore_followers import await_no_leader
from operations.live.etcd import look_at_etcd
from operations.live.member_data import all_members_data
from operations.patroni_configuration import patch_command
from operations.runs.services import within_run
from operations.runs.stop import stop_member
from operations.util.console import print_lines
from operations.util.hosts import acts_for, acts_here
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read_all, read_first

PROGRESS_SECONDS = 15
# After a crash PostgreSQL replays what its last checkpoint lacks before anybody can lead.
LEAD_SECONDS = 600

_RELEASE = f"kill -CONT $(systemctl show -p MainPID --value {UNIT})"
_START = f"systemctl reset-failed {UNIT} 2>/dev/null; systemctl start {UNIT} {or_journal(UNIT)}"


@operation()
def hold_back_members(cluster: Cluster, without: Collection[str] = ()) -> Commands:
    """
    Before etcd gets its quorum: let members go on that a stop has suspended; and where there is no leader, hold back
    those that would be elected only because they came first. Refuses while it cannot be known who has the newest data.

    + without: members that were given up
    """
    if not acts_here(cluster.members):
        return
    nodes = _nodes(cluster, without)
    seen = all_members_data(cluster, nodes)
    held = [node for node in nodes if seen[node.name]["held"]]
    if primary_of(seen) is not None:
        yield from (Act(node, StringCommand(_RELEASE)) for node in held)
    elif held or _outage(cluster):
        refuse_unread(cluster, _all(cluster, seen), without)
        yield from (Act(node, stop_member(cluster)) for node in nodes if is_running(seen[node.name]))
    else:
        host.noop("an election may still end by itself")


def _nodes(cluster: Cluster, without: Collection[str]) -> list[Node]:
    return [node for node in within_run(cluster).members if node.name not in without]


def _all(cluster: Cluster, seen: Mapping[str, SeenData]) -> dict[str, SeenData | None]:
    return {node.name: seen.get(node.name) for node in cluster.members}


def _outage(cluster: Cluster) -> bool:
    asked = look_at_etcd(cluster)
    return asked is None or outage(asked[1]) is not None


@operation()
def start_newest_first(cluster: Cluster, without: Collection[str] = ()) -> Commands:
    """
    Let the member lead that has the newest data: started first, alone. A pause from before ends, for in it nobody is
    started. Does nothing where somebody leads. Refuses what ``most_advanced`` refuses.

    + without: members that were given up
    """
    if not acts_here(cluster.members):
        return
    nodes = _nodes(cluster, without)
    seen = all_members_data(cluster, nodes)
    if _is_led(cluster, nodes, seen):
        host.noop("the cluster has a leader")
        return
    if dry_run():
        yield from decide_later("who leads")
        return
    keys = asked[1]["keys"] if (asked := look_at_etcd(cluster)) is not None else None
    chosen = most_advanced(cluster, _all(cluster, seen), without, last_leader(cluster, keys))
    print_lines(choice_lines(cluster, seen, chosen))
    if without:  # what etcd remembers of how far they were would keep everybody else from leading
        yield from await_no_leader(within_run(cluster))
    if not is_running(seen[chosen.name]):
        yield Act(chosen, StringCommand(_START))
    yield from await_leader(cluster, chosen)


def _is_led(cluster: Cluster, nodes: Sequence[Node], seen: Mapping[str, SeenData]) -> bool:
    """Whether somebody leads; an election that can be under way is given its time."""
    active = [node for node in nodes if seen[node.name]["patroni"] == "active" and not seen[node.name]["held"]]
    settings = cluster.settings
    seconds = 0 if dry_run() else settings.patroni_ttl + 2 * settings.patroni_loop_wait
    said: SeenPatroni | None = read_first(active, PatroniCluster, wait_seconds=seconds)
    return said is not None and said["settled"]


def await_leader(cluster: Cluster, chosen: Node) -> Commands:
    """Wait until a member leads: PostgreSQL has to recover first what its last checkpoint lacks."""
    until, resumed, watch = time.monotonic() + LEAD_SECONDS, False, Watch(cluster.data_directory)
    while True:
        said = _said([chosen])
        if said["settled"]:
            if said["leader"] != chosen.name:
                host.log(f"{said['leader']} was elected meanwhile, and leads")
            return
        if said["paused"] and not resumed:
            host.log("the cluster was paused before it went down; that ends now")
            yield Act(chosen, patch_command({"pause": None}))
            resumed = True
        cause = watch.causes([chosen]).get(chosen.name)
        if time.monotonic() > until or (cause is not None and cause.certain):
            watch.refuse(chosen, f"{chosen.name} has the newest data and does not lead")
        host.log(f"{chosen.name} does not lead yet: {said['error'] or cause or 'PostgreSQL recovers'}")


@operation()
def start_standbys(cluster: Cluster, without: Collection[str] = ()) -> Commands:
    """
    Start the others, and wait until every one of them streams. A member whose Patroni somebody has disabled stays down.

    + without: members that were given up
    """
    if not acts_here(cluster.members):
        return
    nodes = _nodes(cluster, without)
    seen = all_members_data(cluster, nodes)
    wanted = _wanted(nodes, seen)
    if down := [node for node in wanted if not is_running(seen[node.name])]:
        yield from (Act(node, StringCommand(_START)) for node in down)
    _await_streaming(cluster, wanted)
    if not down:
        host.noop("all standbys are streaming")


def _wanted(nodes: Sequence[Node], seen: Mapping[str, SeenData]) -> list[Node]:
    return [node for node in nodes if may_start(seen[node.name]) or is_running(seen[node.name])]


def _await_streaming(cluster: Cluster, wanted: Sequence[Node]) -> None:
    """A copy that grows is waited for; of one that does not the last lines are shown."""
    copying = Copying(cluster.data_directory)
    alone = replace(cluster, nodes=tuple(wanted))
    while not dry_run() and not (said := _said(wanted))["settled"]:
        node, reason = holdup(alone, said, wanted[0].name)
        if not copying.goes_on(node, reason):
            copying.refuse(node, f"{node.name} does not stream: {reason}")


def _said(wanted: Sequence[Node]) -> SeenPatroni:
    question = {"expected": [node.name for node in wanted], "wait_seconds": PROGRESS_SECONDS}
    said: SeenPatroni = read_all(wanted[:1], PatroniCluster, **question)[wanted[0].name]
    return said


@operation()
def report(cluster: Cluster, without: Collection[str] = ()) -> Commands:
    """Say who leads, and who was left out. + without: members that were given up"""
    nodes = _nodes(cluster, without)
    if acts_for(cluster.members) and not dry_run():
        seen = all_members_data(cluster, nodes)
        left = [node.name for node in cluster.members if node not in nodes]
        said = _said(_wanted(nodes, seen))
        print_lines(started_lines(cluster, said, seen, left))
    host.noop("reported above")
    return
    yield
