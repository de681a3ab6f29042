"""
In which order members restart so that a change of settings becomes active and no standby ever stops replaying.

Five settings a standby must have at least as high as its primary. Raised, they are raised on the standbys first;
lowered, on the primary first, in place, and on a standby only when it has replayed that. Patroni helps: it starts a
standby with the higher of what is declared and what its control file says, so one change may raise and lower.
https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN and
https://patroni.readthedocs.io/en/latest/patroni_configuration.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.obstacles import Obstacle
from cluster.parameters.values import ORDERED


@dataclass(frozen=True)
class Member:
    """
    One member, as far as its restart is concerned.

    + wanted, running, replayed: the five, as declared, in PostgreSQL now, and in the control file
    + others: other settings that wait for a restart here, each with what it changes from and to
    + unfit: why it is not restarted now, e.g. ``does not stream``; empty for one that runs well
    + runs: PostgreSQL is up, well or not
    + eligible: it could take over at once
    + cascades: how many standbys stand between it and the primary
    + follows: it leads a standby cluster, and is itself a standby of the source
    """

    name: str
    leads: bool
    wanted: Mapping[str, int]
    running: Mapping[str, int]
    replayed: Mapping[str, int]
    others: Mapping[str, str] = field(default_factory=dict)
    unfit: str = ""
    runs: bool = True
    eligible: bool = True
    synchronous: bool = False
    cascades: int = 0
    follows: bool = False

    def starts_with(self, name: str) -> int:
        """The value of one of the five with which Patroni would start this member now."""
        is_primary = self.leads and not self.follows
        return self.wanted[name] if is_primary else max(self.wanted[name], self.replayed[name])

    @property
    def takes(self) -> tuple[str, ...]:
        """The settings that a restart now would change."""
        return tuple([name for name in ORDERED if self.starts_with(name) != self.running[name]] + sorted(self.others))

    @property
    def awaits(self) -> tuple[str, ...]:
        """The settings whose lower value this standby has still to replay before a restart can give it to it."""
        return () if self.leads else tuple(name for name in ORDERED if self.replayed[name] > self.wanted[name])

    @property
    def is_done(self) -> bool:
        """Whether everything declared is known to be active here."""
        active = all(self.running[name] == self.wanted[name] for name in ORDERED)
        return self.runs and active and not self.takes and not self.awaits


@dataclass(frozen=True)
class Restart:
    """
    Restart one member.

    + names: the settings that change by it
    + tries: the primary still runs with the old values, so a start that fails costs nothing but this standby's time
    """

    member: str
    names: tuple[str, ...]
    leads: bool
    tries: bool = False


@dataclass(frozen=True)
class Await:
    """Wait until a standby has replayed the primary's lower values."""

    member: str
    names: tuple[str, ...]


Step = Restart | Await | Obstacle


@dataclass(frozen=True)
class Plan:
    """All steps if nothing unforeseen happens, and what stays undone. + deferred: member to reason"""

    steps: tuple[Step, ...]
    deferred: Mapping[str, str] = field(default_factory=dict)

    @property
    def restarts(self) -> tuple[Restart, ...]:
        """The steps that restart somebody."""
        return tuple(step for step in self.steps if isinstance(step, Restart))


def next_step(members: Sequence[Member], *, alone: bool = False, given_up: Iterable[str] = ()) -> Step | None:
    """
    The one step that is right now; None when nothing is left that can be done now.

    + members: all declared ones, as they are at this moment
    + alone: accept that for the seconds of a restart nobody could take over
    + given_up: standbys that were waited for in vain; they keep their higher value until a later run
    """
    leader = next(member for member in members if member.leads)
    standbys = [member for member in members if not member.leads]
    due = sorted((one for one in standbys if one.takes and not one.unfit), key=turn)
    if due:
        return _standby_step(due[0], leader, standbys, alone)
    if leader.takes:
        return _leader_step(leader, standbys, alone)
    waiting = [one for one in standbys if one.awaits and not one.unfit and one.name not in given_up]
    return Await(waiting[0].name, waiting[0].awaits) if waiting else None


def turn(member: Member) -> tuple[bool, int, bool, str]:
    """By what standbys are sorted that restart one after the other."""
    # The one whose failure costs least comes first: it is the canary. Nobody streams from the end of a cascade.
    return member.synchronous, -member.cascades, member.eligible, member.name


def _standby_step(member: Member, leader: Member, standbys: Sequence[Member], alone: bool) -> Step:
    step = Restart(member.name, member.takes, leads=False, tries=bool(leader.takes))
    return last_candidate(member, standbys, alone=alone) or step


def last_candidate(member: Member, standbys: Sequence[Member], *, alone: bool) -> Obstacle | None:
    """
    That nobody could take over while a standby restarts, although others are declared.

    + standbys: all of them; + alone: that is accepted
    """
    others = [one for one in standbys if one is not member]
    lost = [one.name for one in others if not one.eligible]
    if not member.eligible or not lost or alone or any(one.eligible for one in others):
        return None
    return Obstacle(
        f"{member.name} is the last standby that could take over; {', '.join(lost)} could not",
        "fix the others first ('deploys/check.py' names what they have), or accept the seconds of its restart "
        "with --data allow_no_failover=true",
    )


def _leader_step(leader: Member, standbys: Sequence[Member], alone: bool) -> Step:
    # What the leader of a standby cluster runs with is in no WAL: all of its members replay the source's.
    ordered = () if leader.follows else [name for name in leader.takes if name in ORDERED]
    raised = [name for name in ordered if leader.wanted[name] > leader.running[name]]
    for one in standbys:
        if low := [name for name in raised if one.runs and one.running[name] < leader.wanted[name]]:
            return Obstacle(
                f"{one.name} runs with a lower {', '.join(low)} and would stop replaying: it {one.unfit}",
                f"fix {one.name} or stop its Patroni, then run again",
            )
    return no_candidate(leader, standbys, alone=alone) or Restart(leader.name, leader.takes, leads=True)


def no_candidate(leader: Member, standbys: Sequence[Member], *, alone: bool) -> Obstacle | None:
    """That nobody could take over while the leader restarts, although others are declared. + alone: it is accepted"""
    if not standbys or alone or any(one.eligible for one in standbys):
        return None
    return Obstacle(
        f"no standby could take over while {leader.name} restarts",
        "fix a standby first ('deploys/check.py' names what they have), or accept it with "
        "--data allow_no_failover=true",
    )


def whole_plan(members: Sequence[Member], *, alone: bool = False, given_up: Iterable[str] = ()) -> Plan:
    """All the steps that ``next_step`` will give if each does what it shall, and what they leave undone."""
    steps: list[Step] = []
    now = list(members)
    while (step := next_step(now, alone=alone, given_up=given_up)) is not None:
        steps.append(step)
        if isinstance(step, Obstacle):
            break
        now = after(now, step)
    return Plan(tuple(steps), {one.name: _left_undone(one) for one in now if not one.is_done})


def _left_undone(member: Member) -> str:
    return member.unfit or f"waits to replay {', '.join(member.awaits or member.takes)}"


def after(members: Sequence[Member], step: Step) -> list[Member]:
    """The members when a step has done what it shall."""
    if isinstance(step, Await):
        leader = next(one for one in members if one.leads)
        return [replace(one, replayed=leader.running) if one.name == step.member else one for one in members]
    return [_restarted(one) if isinstance(step, Restart) and one.name == step.member else one for one in members]


def _restarted(member: Member) -> Member:
    running = {name: member.starts_with(name) for name in ORDERED}
    is_primary = member.leads and not member.follows
    return replace(member, running=running, replayed=running if is_primary else member.replayed, others={})
