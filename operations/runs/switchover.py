"""Let another member lead, planned and on purpose: looked at before, at the moment of acting, and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster
from cluster.endpoints.probe_question import Probe
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.plans.switchover import Switchover, switchover_plan
from cluster.verdicts.health import holdup, is_synchronous, synchronous_standbys
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.live import Live
from facts.patroni import ANSWER_SECONDS
from facts.postgres import PSQL
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.leadership import among, hand_over
from operations.live.members import look
from operations.runs.probe import probing
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.planning import dry_run


@operation()
def switchover(
    cluster: Cluster,
    candidate: str | None = None,
    without: Sequence[str] = (),
    probe: Probe | None = None,
    *,
    force: bool = False,
    holding: Holding = HOLD,
) -> Commands:
    """
    Let a candidate lead, and return when it takes writes and all others that streamed stream from it. Called on every
    host; one acts. Refuses what ``switchover_plan`` refuses, before anything is done and again at the moment of acting.

    + candidate: a member's name; absent: the best one. Changes nothing while it leads
    + without: members that may be missing
    + probe: how clients connect, to measure what they feel; absent: nothing is measured
    + force: also while a backup is under way, which breaks off
    + holding: whether clients of PgBouncer wait meanwhile
    """
    if not acts_here(cluster.members):
        return
    yield from switch_over(cluster, candidate, without, probe, force=force, holding=holding)


def switch_over(
    cluster: Cluster,
    candidate: str | None = None,
    without: Sequence[str] = (),
    probe: Probe | None = None,
    *,
    leaving: str | None = None,
    force: bool = False,
    holding: Holding = HOLD,
) -> Commands:
    """
    The switchover itself, on the host that acts: for procedures of which it is one step.

    + candidate, without, probe, force, holding: as above
    + leaving: the host for whose removal it is
    """
    expected = [node.name for node in cluster.members if node.name not in without]
    # A run that was cut off may have left a switchover under way.
    live = _synchronous(cluster, look(cluster, expected, 0 if dry_run() else ANSWER_SECONDS))
    if candidate is not None and live.leader == candidate:
        told = f"{candidate} leads {cluster.name} already: nothing is done"
        print_lines([told, *_still_to_come(cluster, live, expected)])
        host.noop(f"{candidate} leads already")
        return
    plan = switchover_plan(cluster, live, candidate, without, leaving=leaving, force=force)
    print_lines(_announced(cluster, live, plan))
    # What is on disk by then need not be written while nobody can write.
    for name in (plan.leader, plan.candidate):
        yield Act(cluster.node(name), _checkpoint(cluster))
    _refuse_if_moved(plan, live := look(cluster))
    # Refuses what has come up since.
    switchover_plan(cluster, live, plan.candidate, without, leaving=leaving, force=force)
    with probing(probe):
        yield from hand_over(cluster, plan, [plan.leader, *_streaming(live.patroni, expected)], holding)


def _synchronous(cluster: Cluster, live: Live) -> Live:
    """A new leader names its synchronous standbys some seconds after it was promoted, and only they may follow it."""
    if dry_run() or not is_synchronous(live.patroni) or synchronous_standbys(live.patroni):
        return live
    return look(cluster, (), 2 * cluster.settings.patroni_loop_wait + ANSWER_SECONDS, synchronous=True)


def _streaming(seen: SeenPatroni, names: Iterable[str]) -> list[str]:
    return [name for name in names if name in seen["members"] and seen["members"][name]["streaming"]]


def _still_to_come(cluster: Cluster, live: Live, expected: Sequence[str]) -> list[str]:
    if live.patroni["settled"] or dry_run():
        return []
    node, reason = holdup(among(cluster, expected), live.patroni, expected[0])
    return [f"not all is well: {node.name} {reason}"]


def _checkpoint(cluster: Cluster) -> StringCommand:
    return StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres -c CHECKPOINT")


def _announced(cluster: Cluster, live: Live, plan: Switchover) -> list[str]:
    state = live.postgres[plan.leader]
    connections = state["connections"] if state is not None else None
    return [
        f"Switchover of {cluster.name}: {plan.leader} -> {plan.candidate}",
        f"  why    {plan.reason}",
        f"  costs  {'' if plan.follows else 'no writes for some seconds; '}the {connections or 0} connections to "
        f"{plan.leader} end",
        *(f"  note   {remark}" for remark in plan.remarks),
    ]


def _refuse_if_moved(plan: Switchover, live: Live) -> None:
    if live.leader != plan.leader:
        raise UnsafeError(
            f"the leader was {plan.leader} and is {live.leader or 'nobody'} now\n"
            "HINT: nothing was switched; run again to plan again."
        )
