"""Members restarted because somebody wants it: one at a time, decided anew before each, the leader last."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import cast

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster
from cluster.endpoints.probe_question import Probe
from cluster.errors import UnsafeError
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle, refuse
from cluster.plans.restart import (
    IN_PLACE,
    HandOver,
    Step,
    all_restarts,
    demand_lines,
    demand_obstacles,
    next_restart,
    still_due,
    successor,
)
from cluster.plans.restart_pending.members import restart_members
from cluster.plans.restart_pending.plan import Restart
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles
from facts.patroni import ANSWER_SECONDS
from operations.acts.component import Commands
from operations.acts.member_restart import refuse_unwell, restart_in_place
from operations.live.members import look
from operations.live.standby_cluster import source_settings
from operations.runs.probe import probing
from operations.runs.restart_pending import CHANGES_OF_MIND, NOT_NOW, never_as_it_looks
from operations.runs.switchover import switch_over
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.planning import decide_later, dry_run


@operation()
def restart(
    cluster: Cluster,
    names: Sequence[str] = (),
    by: str = IN_PLACE,
    without: Sequence[str] = (),
    alone: bool = False,
    probe: Probe | None = None,
    force: bool = False,
    holding: Holding = HOLD,
) -> Commands:
    """
    Restart PostgreSQL of members, whether something waits for it or not: standbys first, one at a time, each waited for
    until it streams; then the leader. Called on every host; one acts. A second run restarts again.

    Who was restarted is judged by when its PostgreSQL began: one that begins anew meanwhile for another reason, such as
    a failover, is not restarted once more.

    + names: of the members; none: all
    + by: how the leader is restarted, ``IN_PLACE`` or by ``SWITCHOVER`` to a member that was restarted
    + without: members that are known to be away
    + alone: accept that for the seconds of a restart nobody could take over
    + probe: how clients connect, to measure what they feel; absent: nothing is measured
    + force: also while a backup is under way on a member that restarts, which breaks off
    + holding: whether clients of PgBouncer wait meanwhile
    """
    if not acts_here(cluster.members):
        return
    meant = [name for name in names or [node.name for node in cluster.members] if name not in without]
    # A run that was cut off may have left a restart under way.
    live = look(cluster, meant, 0 if dry_run() else ANSWER_SECONDS)
    refuse(NOT_NOW, demand_obstacles(cluster, live, meant, without, source_settings(cluster)))
    members = restart_members(cluster, live)
    steps = all_restarts(members, meant, by=by, alone=alone)
    print_lines(demand_lines(cluster, live, members, steps))
    refuse(NOT_NOW, [*_obstacles(steps), *backup_obstacles(live, meant, force=force)])
    if dry_run():
        yield from decide_later("each restart, by what is seen then")
        return
    began = {name: cast(SeenPostgres, live.postgres[name])["started_at"] for name in meant}
    with probing(probe):
        yield from _steps(cluster, began, by, without, alone=alone, force=force, holding=holding)


def _obstacles(steps: Sequence[Step]) -> list[Obstacle]:
    return [step for step in steps if isinstance(step, Obstacle)]


def _steps(
    cluster: Cluster,
    began: dict[str, float],
    by: str,
    without: Sequence[str],
    *,
    alone: bool,
    force: bool,
    holding: Holding,
) -> Commands:
    """Look, take the step that is right now, and look again, until everybody has begun anew."""
    patience, asked = CHANGES_OF_MIND, set[str]()
    while due := still_due(live := look(cluster), began):
        refuse(NOT_NOW, demand_obstacles(cluster, live, due, without, source_settings(cluster)), untouched=False)
        _refuse_unchanged(asked & due)
        step = cast(Step, next_restart(restart_members(cluster, live), due, by=by, alone=alone))
        refuse(NOT_NOW, _obstacles([step]), untouched=False)
        if isinstance(step, HandOver):
            yield from switch_over(cluster, successor(live, began.keys() - due), without, force=force, holding=holding)
            asked.add(step.member)
        elif isinstance(step, Restart):
            refuse(NOT_NOW, backup_obstacles(live, [step.member], force=force), untouched=False)
            done = yield from _restarted(cluster, live, step.member, holding)
            asked |= {step.member} if done else set()
            patience -= not done
            if patience < 0:
                raise UnsafeError(never_as_it_looks(step.member))


def _refuse_unchanged(names: Collection[str]) -> None:
    """One that Patroni restarted and that runs since before would be restarted again and again."""
    if names:
        raise UnsafeError(
            f"{', '.join(sorted(names))} was asked to restart, and its PostgreSQL runs since before\n"
            "HINT: `journalctl -u patroni` on it says why; then run again."
        )


def _restarted(cluster: Cluster, live: Live, name: str, holding: Holding) -> Generator[PyinfraCommand, None, bool]:
    """One member. Returns whether it was asked to; False when it was no longer what the step is for."""
    said = yield from restart_in_place(
        cluster, live, name, "restarts PostgreSQL on demand", pending=False, holding=holding
    )
    if not said["asked"]:
        host.log(f"{name} was left alone: {said['text']}")
        return False
    refuse_unwell(cluster, name, said)
    host.log(f"{name} restarted in {said['seconds']} s")
    return True
