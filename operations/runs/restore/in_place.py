"""A running cluster taken back to a moment: one member from the backup, then the others from it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.restore import SeenRestore
from cluster.plans.restore.in_place import Restore, giving_back_obstacle, has_led, restore_plan
from cluster.plans.restore.obstacles import order_of
from cluster.plans.restore.target import Target
from cluster.plans.restore.text import restore_lines
from cluster.verdicts.health import leaders_timeline
from cluster.verdicts.live import Live
from cluster.verdicts.tablespaces import aside_lines, kept_name
from facts.pgbackrest_restore import RestoreState
from operations.acts.archived import archive_to_now, archive_to_the_end
from operations.acts.component import Commands
from operations.acts.restore_followers import Aside, await_election, await_no_leader, rejoin, start_leader
from operations.acts.restore_member import (
    await_restore,
    begin_restore,
    end_restore,
    forget_job,
    record_job,
    release_patroni,
    state_of,
    stop_patroni,
    unknown_aside,
)
from operations.live.members import look
from operations.live.repository import known_tablespaces, repository_to_read
from operations.util.console import print_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read


@operation()
def restore_in_place(
    cluster: Cluster,
    target: Target,
    member: str | None = None,
    repository: int = 0,
    *,
    confirmed: bool = False,
    unarchived: bool = False,
) -> Commands:
    """
    Take the cluster back to a moment, and return when one member leads with the data of then and all others stream from
    it. Goes on with what a run that was cut off has begun. Refuses what ``restore_plan`` refuses before anything stops.

    https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY

    + member: the one to restore from the backup; None: a standby
    + repository: pgBackRest's number of the one to read; 0: the first that has backups
    + confirmed: the operator has named the cluster; without that only the plan is shown
    + unarchived: give up what the primary could not archive
    """
    if not acts_here(cluster.members):
        return
    live, seen = look(cluster), _seen(cluster, room=True)
    source = repository_to_read(cluster, repository, holes=True)
    plan = restore_plan(cluster, live, source, seen, target, member, unarchived=unarchived)
    now = max(one["now"] for one in seen.values() if one is not None)
    known = known_tablespaces(cluster, plan)
    print_lines(restore_lines(cluster, live, plan, now, aside_lines(seen, known, now), unarchived=unarchived))
    if dry_run():
        yield from decide_later("the restore")
        return
    if not confirmed:
        raise UnsafeError(f"nothing was touched\nHINT: add --data confirm={cluster.name} to begin.")
    yield from _carried_out(cluster, live, plan, Aside(known, kept_name(now)), unarchived=unarchived)


@operation()
def give_back(cluster: Cluster) -> Commands:
    """
    End a restore that was begun, and let the cluster run with the data that it had. Refuses once restored data have
    led, and when the data that were touched are the only ones.
    """
    if not acts_here(cluster.members):
        return
    seen, live = _seen(cluster), look(cluster)
    order = order_of(seen)
    if order is None:
        host.noop("no restore was started")
        return
    chosen, touched = cluster.node(order["member"]), any(one is not None and one["begun"] for one in seen.values())
    if obstacle := giving_back_obstacle(cluster, live, seen, chosen.name):
        raise UnsafeError(str(obstacle))
    yield end_restore(chosen)
    yield from _never_led(cluster, seen, chosen)
    leader = yield from _released(cluster, order["led"], without=chosen if touched else None)
    if touched:
        yield from rejoin(cluster, [chosen], leader)
    for node in _within(cluster):
        yield forget_job(node)
    print_lines([f"{cluster.name} is as it was before the restore; {leader.name} leads"])


def _never_led(cluster: Cluster, seen: Mapping[str, SeenRestore | None], chosen: Node) -> Commands:
    """Stop a Patroni that tries to start the restored data. Refuses when they have led meanwhile."""
    known = seen[chosen.name]
    if known is None or known["patroni"] != "active" or known["result"] is None:
        return
    yield stop_patroni(chosen)
    if has_led(look(cluster), chosen.name, known["result"]):
        yield release_patroni(chosen)
        raise UnsafeError(
            f"{chosen.name} has led with the restored data\nHINT: run again without cancel; it is finished."
        )


def _released(cluster: Cluster, led: str | None, without: Node | None) -> Generator[PyinfraCommand, None, Node]:
    """
    The members with untouched data, running again; returns who leads. The one that led comes first and alone: it was
    stopped last, and may have writes that no other has.
    """
    keeping = [node for node in _within(cluster) if node is not without]
    first = [node for node in keeping if node.name == led]
    for node in first:
        yield release_patroni(node)
        await_election(cluster, first)
    for node in keeping:
        if node not in first:
            yield release_patroni(node)
    return await_election(cluster, keeping)


def _carried_out(cluster: Cluster, live: Live, plan: Restore, aside: Aside, *, unarchived: bool) -> Commands:
    began, chosen = time.monotonic(), cluster.node(plan.member)
    others = [node for node in _within(cluster) if node is not chosen]
    seen = state_of(cluster, chosen)
    if seen["result"] is None or seen["order"] != plan.order:
        if not seen["running"]:
            yield from _stopped(cluster, plan, seen, unarchived=unarchived)
            yield from unknown_aside(cluster, chosen, aside.known, aside.name)
            yield from begin_restore(
                cluster, chosen, plan.target, plan.order, stanza=cluster.name, tablespaces=aside.known
            )
        result = await_restore(cluster, chosen)
    else:
        result = seen["result"]
    yield from start_leader(cluster, chosen)
    leading = time.monotonic() - began
    yield from rejoin(cluster, others, chosen, aside)
    # The chosen one last: as long as it knows of the restore, a run that is cut off here is gone on with.
    for node in [*others, chosen]:
        yield forget_job(node)
    print_lines(_outcome(cluster, plan, result, leading, time.monotonic() - began))


def _stopped(cluster: Cluster, plan: Restore, chosen: SeenRestore, *, unarchived: bool) -> Commands:
    """Everybody down, the leader last, with all that it wrote in the archive."""
    leader = cluster.node(plan.leader) if plan.leader is not None else None
    if leader is not None and not unarchived:
        yield from archive_to_now(cluster, leader, plan.backup["repository"])
    nodes = sorted(_within(cluster), key=lambda node: node is leader)
    for node in nodes:
        yield record_job(node, plan.order)
    for node in nodes:
        yield stop_patroni(node)
    # A restore that has begun had passed this, and its member may be the one that led.
    if plan.led is not None and not unarchived and not chosen["begun"]:
        yield from archive_to_the_end(cluster, cluster.node(plan.led), plan.backup["repository"])
    yield from await_no_leader(cluster)


def _outcome(cluster: Cluster, plan: Restore, result: Mapping[str, Any], leading: float, seconds: float) -> list[str]:
    seen = look(cluster)
    return [
        f"{cluster.name} is back at {plan.target}: {seen.leader} leads on timeline {leaders_timeline(seen.patroni)}",
        f"  the old timeline was left at {result['lsn']}; last transaction of {result['time'] or 'an unknown time'}",
        f"  led after {leading:.1f} s, all members stream after {seconds:.1f} s",
    ]


def _within(cluster: Cluster) -> list[Node]:
    return list(in_this_run(cluster.members))


def _seen(cluster: Cluster, *, room: bool = False) -> dict[str, SeenRestore | None]:
    return read(cluster.members, RestoreState, data=cluster.data_directory, room=room)
