"""The ordered restart: one member at a time, decided anew before each, until every declared setting is active."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import cast

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster
from cluster.endpoints.probe_question import Probe
from cluster.errors import UnsafeError
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle, refuse
from cluster.plans.configure import config_patch, merged
from cluster.plans.restart_pending.members import restart_members
from cluster.plans.restart_pending.obstacles import lowering_obstacles, restart_obstacles
from cluster.plans.restart_pending.plan import Await, Member, Restart, next_step, whole_plan
from cluster.plans.restart_pending.text import plan_lines, waiting_text
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles
from cluster.verdicts.slots import slot_remarks
from facts.patroni import PatroniCluster
from facts.postgres.state import PostgresState, ReplayAwaited
from operations.acts.component import Commands
from operations.acts.last_lines import Watch
from operations.acts.member_restart import refuse_unwell, restart_in_place
from operations.live.members import look
from operations.live.standby_cluster import source_settings
from operations.patroni_configuration import declared_configuration, patch_command
from operations.runs.probe import probing
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read

# A lower value reaches a standby with the next WAL; one that replays with a delay is left for a later run.
REPLAY_MS = 30_000
# The same member may answer "no longer as you think" so often before the run gives up.
CHANGES_OF_MIND = 3
# Also what a run says that has restarted others before.
NOT_NOW = "no member is restarted now"


@dataclass(frozen=True)
class Picture:
    """All that was seen at one moment, and the members as the plan sees them."""

    live: Live
    members: Sequence[Member]

    @property
    def leader(self) -> Member:
        """The one that leads."""
        return next(member for member in self.members if member.leads)

    @property
    def lead(self) -> SeenPostgres:
        """The leader's PostgreSQL. Without one there is no picture, but a refusal."""
        return cast(SeenPostgres, self.live.postgres[self.leader.name])

    def member(self, name: str) -> Member:
        """One member. + name: the node's"""
        return next(member for member in self.members if member.name == name)


@operation()
def restart_in_order(
    cluster: Cluster,
    without: Sequence[str] = (),
    alone: bool = False,
    configured: bool = False,
    probe: Probe | None = None,
    force: bool = False,
    holding: Holding = HOLD,
) -> Commands:
    """
    Restart the members on which a setting waits for it, in the order that PostgreSQL demands, until none waits.

    Looks at all members before each step and after it; a step whose reason has gone is not taken. The first standby
    tries the new values: when PostgreSQL does not start with them, the old ones are put back into the configuration and
    the primary is not touched. Standbys that cannot be restarted now are named and left for a later run.

    + without: members that are known to be away
    + alone: accept that for the seconds of a restart nobody could take over
    + configured: the same run brings the configuration to what is declared first, so its plan is made for that
    + probe: how clients connect, to measure what they feel; absent: nothing is measured
    + force: also while a backup is under way on a member that restarts, which breaks off
    + holding: whether clients of PgBouncer wait meanwhile
    """
    if not acts_here(cluster.members):
        return
    if dry_run() and host.get_fact(PatroniCluster)["config"] is None:
        yield from decide_later("the cluster has to be built first")
        return
    picture = _picture(cluster, without, configured=configured and dry_run())
    late = {name for name, seen in picture.live.postgres.items() if seen and seen["apply_delay_ms"] > REPLAY_MS}
    plan = whole_plan(picture.members, alone=alone, given_up=late)
    if plan.steps or plan.deferred:
        slots = slot_remarks(cluster, picture.live) if plan.restarts else []
        print_lines([*plan_lines(cluster.name, picture.members, plan), *(f"  {remark}." for remark in slots)])
    _refuse_obstacle(plan.steps[-1] if plan.steps else None)
    _refuse_backup(picture, [step.member for step in plan.restarts], force)
    if not plan.restarts:
        host.noop("no setting waits for a restart")
    elif dry_run():
        yield from decide_later("each restart, by what is seen then")
    else:
        with probing(probe):
            yield from _steps(cluster, without, alone, late, force=force, holding=holding)


def _steps(
    cluster: Cluster, without: Sequence[str], alone: bool, given_up: set[str], *, force: bool, holding: Holding
) -> Commands:
    """Look, take the step that is right now, and look again, until none is left."""
    done: Restart | None = None
    patience = CHANGES_OF_MIND
    while True:
        picture = _picture(cluster, without)
        _refuse_leftover(picture, done)
        step = next_step(picture.members, alone=alone, given_up=given_up)
        _refuse_obstacle(step)
        if isinstance(step, Await):
            given_up |= _not_replayed(cluster, picture, step)
        elif isinstance(step, Restart):
            _refuse_backup(picture, [step.member], force)
            done = step if (yield from _restart(cluster, picture, step, holding)) else None
            patience -= done is None
            if patience < 0:
                raise UnsafeError(never_as_it_looks(step.member))
        else:
            break
    plan = whole_plan(picture.members, given_up=[member.name for member in picture.members])
    for name, reason in plan.deferred.items():
        host.log(f"deferred to a later run: {name} {reason}")


def never_as_it_looks(name: str) -> str:
    """The refusal when a member was left alone too often. + name: the member's"""
    return (
        f"{name} could not be restarted in {CHANGES_OF_MIND + 1} attempts\n"
        "HINT: what was in the way stands above; deploys/check.py may name the cause."
    )


def _picture(cluster: Cluster, without: Sequence[str], *, configured: bool = False) -> Picture:
    """
    Everything that a step is decided on, live. Refuses with every obstacle at once.

    + configured: as if the configuration were the declared one already
    """
    live = look(cluster)
    if configured and (config := live.patroni["config"]) is not None:
        live.patroni["config"] = merged(config, config_patch(declared_configuration(cluster), config))
    found = restart_obstacles(cluster, live, without, source_settings(cluster)) or lowering_obstacles(live)
    refuse(NOT_NOW, found, untouched=False)
    return Picture(live, restart_members(cluster, live))


def _refuse_obstacle(step: object) -> None:
    refuse(NOT_NOW, [step] if isinstance(step, Obstacle) else [], untouched=False)


def _refuse_backup(picture: Picture, names: Sequence[str], force: bool) -> None:
    refuse(NOT_NOW, backup_obstacles(picture.live, names, force=force), untouched=False)


def _refuse_leftover(picture: Picture, done: Restart | None) -> None:
    """A restart that did not give a setting its value would be planned again and again."""
    if done is not None and (left := set(picture.member(done.member).takes) & set(done.names)):
        raise UnsafeError(
            f"{done.member} was restarted and still waits for {', '.join(sorted(left))}\nHINT: something on the host "
            "overrides the configuration: see its postgresql.auto.conf and /etc/patroni/config.yml."
        )


def _not_replayed(cluster: Cluster, picture: Picture, step: Await) -> set[str]:
    """Wait for a standby's replay, bounded. Returns its name when it did not get there."""
    most = {name: picture.member(step.member).wanted[name] for name in step.names}
    node = cluster.node(step.member)
    seen = read([node], ReplayAwaited, most=most, wait_seconds=REPLAY_MS // 1000)[node.name]
    return set() if seen else {step.member}


def _restart(
    cluster: Cluster, picture: Picture, step: Restart, holding: Holding
) -> Generator[PyinfraCommand, None, bool]:
    """One member. Returns whether it was restarted; False when it was no longer what the step is for."""
    node = cluster.node(step.member)
    member = picture.member(step.member)
    ordered = [name for name in step.names if name in member.running]
    before, after = ({name: of(name) for name in ordered} for of in (member.running.__getitem__, member.starts_with))
    what = f"restarts PostgreSQL for {', '.join(step.names)}"
    said = yield from restart_in_place(cluster, picture.live, step.member, what, before, after, holding=holding)
    if not said["asked"]:
        host.log(f"{node.name} was left alone: {said['text']}")
        return False
    seen = read([node], PostgresState)[node.name]
    if seen is None:
        raise UnsafeError(f"{node.name} cannot be reached any more\nHINT: bring it back and run again.")
    if not seen["answers"] and step.tries:
        yield from _taken_back(cluster, picture, step)
    refuse_unwell(cluster, node.name, said, waiting_text(picture.members, node.name, back=False))
    host.log(f"{node.name} restarted in {said['seconds']} s: {', '.join(step.names)}")
    return True


def _taken_back(cluster: Cluster, picture: Picture, step: Restart) -> Commands:
    """Put what the primary runs with back into the configuration, so that the standby starts again; then stop."""
    node, watch = cluster.node(step.member), Watch(cluster.data_directory)
    cause = watch.shown(node)
    old = {name: picture.lead["settings"][name]["shown"] for name in picture.leader.takes}
    yield patch_command({"postgresql": {"parameters": old}})
    names = [one.name for one in picture.members if one.runs]
    back = host.get_fact(PatroniCluster, expected=names, wait_seconds=cluster.settings.patroni_restart_seconds)
    listed = ", ".join(f"{name} {value}" for name, value in old.items())
    raise UnsafeError(
        f"{node.name} does not start with the new {', '.join(step.names)}{f': {cause.words}' if cause else ''}; the "
        f"primary was not touched, the configuration is back to {listed}, and {node.name} is "
        f"{'well again' if back['settled'] else 'not yet well'}{waiting_text(picture.members, node.name, back=True)}\n"
        "HINT: its last lines stand above; declare other values in postgres_parameters."
    )
