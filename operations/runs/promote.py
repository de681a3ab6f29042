"""A standby cluster that becomes a cluster of its own, when its source is stopped or lost."""

from __future__ import annotations

import time

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.pgbackrest_source import SOURCE
from cluster.components.standby_cluster import SOURCE_BOUNDED
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.obstacles import refuse
from cluster.plans.promote import name_of, promotion_lines, promotion_obstacles
from cluster.verdicts.causes import copied_anew
from cluster.verdicts.health import holdup, leaders_timeline
from cluster.verdicts.live import Live
from cluster.verdicts.standby_role import is_standby
from facts.host import HostComponent
from facts.patroni import ANSWER_SECONDS, PatroniCluster
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.last_lines import Watch
from operations.acts.leadership import until_it_writes
from operations.live.members import look
from operations.live.standby_cluster import leader_data, source_of
from operations.patroni_configuration import patch_command
from operations.util.console import print_lines
from operations.util.hosts import acts_here, current_node, in_this_run
from operations.util.planning import dry_run
from operations.util.reading import read

FOLLOW_SECONDS = 120


@operation()
def promote_standby_cluster(
    cluster: Cluster, *, confirmed: bool = False, lost: bool = False, force: bool = False
) -> Commands:
    """
    Let a standby cluster take writes, and return when it does and all its members follow. Called on every host; one
    acts. Refuses what ``promotion_obstacles`` finds. Changes nothing on a cluster that takes writes already; goes on
    with a promotion that was cut off.

    + confirmed: without it the plan is shown and nothing is done
    + lost: the source's members that cannot be reached are off, and what did not arrive is given up
    + force: also while a backup is under way that reads from its leader, which breaks off
    """
    if not acts_here(cluster.members):
        return
    live = look(cluster, [node.name for node in cluster.members], 0 if dry_run() else ANSWER_SECONDS)
    if live.patroni["config"] is None:
        raise UnsafeError(
            f"Patroni does not say what {cluster.name} is: {live.patroni['error']}\nHINT: start it first."
        )
    began = time.monotonic()
    follows = is_standby(live.patroni["config"])
    if follows:
        yield from _let_go(cluster, live, confirmed=confirmed, lost=lost, force=force)
    yield from _taken_over(cluster, began, int(leaders_timeline(live.patroni) or 0) if follows else None)


def _let_go(cluster: Cluster, live: Live, *, confirmed: bool, lost: bool, force: bool) -> Commands:
    """Judge, say, and take the section away by which Patroni follows another cluster."""
    source, end = source_of(cluster), leader_data(cluster, live.leader)
    obstacles = promotion_obstacles(cluster, live, source, end, lost=lost, force=force)
    refuse(f"{cluster.name} is not promoted now", obstacles)
    print_lines(promotion_lines(cluster, live, source, end))
    if not confirmed:
        raise UnsafeError(f"nothing was touched\nHINT: add --data confirm={cluster.name} to promote it.")
    yield Act(cluster.node(str(live.leader)), patch_command({"standby_cluster": None}))


def _taken_over(cluster: Cluster, began: float, before: int | None) -> Commands:
    """
    Wait until the leader takes writes and the others follow; then take the access to the source away.

    + before: the timeline on which this run let it go; None: it did not
    """
    live = look(cluster)
    if live.leader is None:
        raise UnsafeError(f"{cluster.name} has no leader\nHINT: run again when there is one; nothing is lost by that.")
    leader = cluster.node(live.leader)
    state = live.postgres[leader.name]
    fresh = before is not None or state is None or state["in_recovery"] is not False
    if fresh:
        yield Act(leader, until_it_writes(cluster))
    seconds = time.monotonic() - began
    seen = _followed(cluster, leader, beyond=before or 0)
    left = _having_access(cluster)
    if not fresh and not left:
        host.noop(f"{cluster.name} takes writes already")
        return
    for node in left:
        yield Act(node, StringCommand(f"rm -rf {SOURCE} {SOURCE_BOUNDED}"))
    print_lines(
        [
            f"{cluster.name} takes writes: {leader.name} leads on timeline {leaders_timeline(seen)}",
            *([f"  within {seconds:.1f} s, all follow within {time.monotonic() - began:.1f} s"] if fresh else []),
            "  next    take patroni_standby_of out of its data in the inventory, then run deploys/cluster.py",
            f"  next    keep {name_of(cluster)} off; as a standby of {cluster.name} it is built again",
        ]
    )


def _having_access(cluster: Cluster) -> list[Node]:
    """The members that still have the way to the source's archive."""
    seen = read(in_this_run(cluster.members), HostComponent, paths=[SOURCE], units={})
    return [cluster.node(name) for name, picture in seen.items() if picture and picture["paths"][SOURCE] is not None]


def _followed(cluster: Cluster, leader: Node, *, beyond: int) -> SeenPatroni:
    names = [node.name for node in cluster.members]
    # etcd has the picture from before the promotion at first.
    question, watch = {"expected": names, "beyond_timeline": beyond}, Watch(cluster.data_directory)
    seen = watch.until_settled(
        lambda seconds: host.get_fact(PatroniCluster, wait_seconds=seconds, **question), cluster.members, FOLLOW_SECONDS
    )
    if not seen["settled"]:
        node, reason = holdup(cluster, seen, current_node())
        problem = f"{leader.name} takes writes, and {node.name} does not follow after {FOLLOW_SECONDS} s: {reason}"
        watch.refuse(node, problem, otherwise=copied_anew(node.name))
    return seen
