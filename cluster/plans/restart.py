"""In which order members restart on demand, and what is in the way of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.declared.model import Cluster
from cluster.finding_types.finding_type import PATRONICTL, RUN
from cluster.obstacles import Obstacle
from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.activation import activated
from cluster.plans.restart_pending.members import restart_members
from cluster.plans.restart_pending.obstacles import restart_obstacles, slot_obstacles
from cluster.plans.restart_pending.plan import Member, Restart, last_candidate, no_candidate, turn
from cluster.plans.restart_pending.text import nobody_lines
from cluster.plans.switchover import candidate_obstacles, rank
from cluster.tags import may_be_synchronous
from cluster.verdicts.live import Live
from cluster.verdicts.slots import slot_remarks
from cluster.verdicts.standby_role import is_standby

# How the leader is restarted: where it is, or by a switchover, which restarts it as a standby.
IN_PLACE, SWITCHOVER = "restart", "switchover"


@dataclass(frozen=True)
class HandOver:
    """Let another member lead; the leader is restarted by that. + member: the leader"""

    member: str


Step = Restart | HandOver | Obstacle


def next_restart(
    members: Sequence[Member], due: Collection[str], *, by: str = IN_PLACE, alone: bool = False
) -> Step | None:
    """
    The one step that is right now; None when nobody is left.

    + members: all declared ones, as they are at this moment
    + due: names of those that are still to be restarted
    + by: how the leader is
    + alone: accept that for the seconds of a restart nobody could take over
    """
    leader = next(one for one in members if one.leads)
    standbys = [one for one in members if not one.leads]
    if waiting := sorted((one for one in standbys if one.name in due), key=turn):
        return last_candidate(waiting[0], standbys, alone=alone) or Restart(waiting[0].name, (), leads=False)
    if leader.name not in due:
        return None
    if by == SWITCHOVER:
        return HandOver(leader.name)  # whether somebody can take over is judged by the switchover itself
    return no_candidate(leader, standbys, alone=alone) or Restart(leader.name, (), leads=True)


def all_restarts(
    members: Sequence[Member], due: Collection[str], *, by: str = IN_PLACE, alone: bool = False
) -> list[Step]:
    """All the steps that ``next_restart`` will give if each does what it shall; the last may be an obstacle."""
    steps: list[Step] = []
    left = set(due)
    while (step := next_restart(members, left, by=by, alone=alone)) is not None:
        steps.append(step)
        if isinstance(step, Obstacle):
            break
        left.remove(step.member)
    return steps


def still_due(live: Live, began: Mapping[str, float]) -> set[str]:
    """
    The members whose PostgreSQL runs since before.

    + began: by member, when it had begun
    """
    seen = {name: live.postgres.get(name) for name in began}
    return {name for name, one in seen.items() if one is None or not one["answers"] or one["started_at"] == began[name]}


def demand_obstacles(
    cluster: Cluster,
    live: Live,
    due: Collection[str],
    without: Collection[str],
    source: Mapping[str, int] | None = None,
) -> list[Obstacle]:
    """
    Why nobody is restarted on demand now, all reasons at once.

    + live: the whole picture; + due: the members that are meant
    + without, source: as ``restart_obstacles`` has them
    """
    found = restart_obstacles(cluster, live, without, source)
    if found or live.leader is None:
        return found
    members = restart_members(cluster, live)
    return [*_unfit(cluster, members, due), *_ordered(members, due), *slot_obstacles(live)]


def _unfit(cluster: Cluster, members: Sequence[Member], due: Collection[str]) -> Iterator[Obstacle]:
    for one in members:
        if one.name in due and one.unfit:
            yield Obstacle(
                f"{one.name} {one.unfit}",
                f"fix it first (`{RUN}/check.py`), restart the others alone with --data node=NAME,NAME, or restart it "
                f"without these checks: `{PATRONICTL} restart {cluster.name} {one.name}` on it",
            )


def _ordered(members: Sequence[Member], due: Collection[str]) -> Iterator[Obstacle]:
    """A standby starts with the higher of the declared value and its primary's: what it waits for does no harm."""
    leader = next(one for one in members if one.leads)
    if not leader.follows and leader.name in due and (names := [name for name in ORDERED if name in leader.takes]):
        wait = "waits" if len(names) == 1 else "wait"
        yield Obstacle(
            f"{', '.join(names)} {wait} for a restart of {leader.name}, and in which order depends on the values",
            f"`{RUN}/restart_pending.py` restarts all members in that order; standbys alone may restart now, with "
            "--data node=NAME,NAME",
        )


def successor(live: Live, restarted: Collection[str]) -> str | None:
    """
    The best of the members that were restarted for the leader to hand over to; None when none of them is fit, or none
    was: then any member may be.
    """
    fit = [name for name in restarted if name != live.leader and not candidate_obstacles(live, name)]
    return min(sorted(fit), key=lambda name: rank(live, name), default=None)


def demand_lines(cluster: Cluster, live: Live, members: Sequence[Member], steps: Sequence[Step]) -> list[str]:
    """The plan as it is printed. + live, members: as they were when it was made; + steps: all of them"""
    taken = [step for step in steps if not isinstance(step, Obstacle)]
    width = max((len(step.member) for step in taken), default=0)
    rows = [f"  {number}. {step.member:<{width}}  {_how(live, step)}" for number, step in enumerate(taken, 1)]
    if len(taken) < len(steps):
        return [f"{cluster.name}: restart on demand", *rows, f"  {len(taken) + 1}. stop  {steps[-1]}".split("\n")[0]]
    return [f"{cluster.name}: restart on demand", *rows, *_costs(live, members, taken), *_notes(cluster, live, taken)]


def _how(live: Live, step: Restart | HandOver) -> str:
    if isinstance(step, HandOver):
        return "leader, by a switchover to another member"
    if not step.leads:
        return "standby"
    return "standby leader, in place" if is_standby(live.patroni["config"]) else "primary, in place"


def _costs(live: Live, members: Sequence[Member], steps: Sequence[Restart | HandOver]) -> Iterator[str]:
    restarts = [step for step in steps if isinstance(step, Restart)]
    if is_standby(live.patroni["config"]):
        yield "  It takes no writes: only the connections of readers to a member end while it restarts."
    elif leading := next((step for step in steps if isinstance(step, HandOver) or step.leads), None):
        how = "hands over" if isinstance(leading, HandOver) else "restarts in place"
        yield f"  Writes are interrupted once, while {leading.member} {how}: commonly 1 to 5 s."
    else:
        yield "  Writes go on: the primary is not restarted."
    yield from nobody_lines([one for one in members if not one.leads], restarts)


def _notes(cluster: Cluster, live: Live, steps: Sequence[Restart | HandOver]) -> Iterator[str]:
    names = [step.member for step in steps]
    yield from (f"  note   {line}" for line in (*activated(live, names), *slot_remarks(cluster, live)))
    yield from (f"  note   {line}" for line in _strict(live, names))


def _strict(live: Live, names: Collection[str]) -> Iterator[str]:
    """Where commits wait for one standby that no other may stand in for, its restart stops all writes."""
    if not (live.patroni["config"] or {}).get("synchronous_mode_strict"):
        return
    able = {name for name, one in live.patroni["members"].items()
            if name != live.leader and one["streaming"] and may_be_synchronous(one["tags"])}  # fmt: skip
    if len(able) == 1 and able <= set(names):
        name = able.pop()
        yield f"no write is acknowledged while {name} restarts: it alone may be synchronous, and the mode is strict"
