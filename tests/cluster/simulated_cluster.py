"""Members by example, and a simulated PostgreSQL under Patroni that obeys the rules for the five ordered settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.plan import Member

LOW = dict(zip(ORDERED, (100, 8, 10, 0, 64), strict=True))
PAUSED = "has its replay paused by hand; a restart would resume it"


def member(name: str, leads: bool = False, wanted: dict[str, int] | None = None, **seen: object) -> Member:
    """A member that runs with ``LOW`` unless told otherwise."""
    values = {"running": LOW, "replayed": LOW, **seen}
    eligible = not leads and not values.get("unfit")
    return Member(name, leads, LOW | (wanted or {}), **{"eligible": eligible, **values})  # type: ignore[arg-type]


def cluster_of(count: int, wanted: dict[str, int], **seen: object) -> list[Member]:
    return [member(f"pg{n}", n == 1, wanted, **seen) for n in range(1, count + 1)]


@dataclass
class SimulatedMember:
    """PostgreSQL under Patroni as far as the five settings go. + control: what its control file says"""

    name: str
    running: dict[str, int]
    control: dict[str, int]
    leads: bool = False
    up: bool = True
    held: bool = False  # replay paused by hand
    neutral: bool = False
    position: int = 0  # records replayed
    stuck: bool = False  # stopped replaying: its value is below its primary's


@dataclass
class World:
    """
    A cluster that obeys PostgreSQL's rules: a start writes the primary's values into the WAL when they changed, replay
    takes them into the control file, a standby with less stops replaying, one that starts with less is refused.
    """

    members: list[SimulatedMember]
    wanted: dict[str, int]
    wal: list[dict[str, int]] = field(default_factory=list)

    @property
    def leader(self) -> SimulatedMember:
        return next(one for one in self.members if one.leads)

    def replay(self) -> None:
        for one in self.members:
            while not one.leads and one.up and not one.held and not one.stuck and one.position < len(self.wal):
                record = self.wal[one.position]
                # The control file first, then the check: xlog_redo() of PostgreSQL's src/backend/access/transam/xlog.c
                one.control, one.position = record, one.position + 1
                one.stuck = any(one.running[name] < record[name] for name in ORDERED)

    def restart(self, name: str) -> None:
        one = next(member for member in self.members if member.name == name)
        values = self.wanted if one.leads else {key: max(self.wanted[key], one.control[key]) for key in ORDERED}
        assert one.leads or all(values[key] >= one.control[key] for key in ORDERED), "PostgreSQL refuses to start"
        changed = values != one.control
        one.running, one.neutral, one.stuck, one.up = dict(values), False, False, True
        if one.leads and changed:
            one.control = dict(values)
            self.wal.append(dict(values))
        self.replay()

    def fail_over(self) -> None:
        old = self.leader
        fit = [one for one in self.members if not one.leads and one.up and not one.held and not one.stuck]
        if not fit:
            return
        new = fit[0]
        old.leads, new.leads, new.position = False, True, len(self.wal)
        old.position = len(self.wal)
        # The old primary comes back as a standby, with the higher of declared and its own.
        old.running = {key: max(self.wanted[key], old.control[key]) for key in ORDERED}
        if new.running != new.control:
            new.control = dict(new.running)
            self.wal.append(dict(new.running))
        self.replay()

    def view(self) -> list[Member]:
        return [self._seen(one) for one in self.members]

    def _seen(self, one: SimulatedMember) -> Member:
        unfit = "is down" if not one.up else PAUSED if one.held else ""
        return Member(
            one.name,
            one.leads,
            self.wanted,
            dict(one.running),
            dict(one.control),
            others={"shared_buffers": "1 -> 2"} if one.neutral else {},
            unfit=unfit,
            runs=one.up,
            eligible=not one.leads and not unfit and not one.stuck,
        )
