"""A whole cluster stopped and started: which member led, and whose data go furthest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.measures import lsn_text
from cluster.observed.member_data import SeenData

# What a member is by what its PostgreSQL says now.
PRIMARY, STANDBY, DOWN = "primary", "standby", "down"

# pg_controldata's words for one that wrote WAL of its own, and not only what it received.
# https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_controldata/pg_controldata.c
PRIMARY_STATES = ("in production", "shutting down", "shut down", "in crash recovery")


def primary_of(seen: Mapping[str, SeenData]) -> str | None:
    """The member that takes writes now. Refuses two of them. + seen: ``MemberData`` by member"""
    found = [name for name, one in seen.items() if one["in_recovery"] is False]
    if len(found) > 1:
        raise UnsafeError(
            f"{' and '.join(found)} both take writes\n"
            "HINT: clients may have written on both; stop the one whose writes are to be given up, and run again."
        )
    return found[0] if found else None


def last_record(seen: Mapping[str, SeenData]) -> int | None:
    """Where the member ended that led and is down by now; None where nobody is that. + seen: ``MemberData``"""
    ended = [one["control"] for one in seen.values() if not one["server"] and one["control"] is not None]
    return max((int(one["checkpoint"]) for one in ended if one["state"] == "shut down"), default=None)


def is_running(one: SeenData) -> bool:
    """Whether Patroni or PostgreSQL runs on a member, or is about to."""
    return one["server"] or one["patroni"] not in ("inactive", "failed")


def may_start(one: SeenData) -> bool:
    """Whether Patroni starts at the next boot, too: else somebody keeps it down on purpose."""
    return one["enabled"] == "enabled"


@dataclass(frozen=True)
class DataPosition:
    """
    How far one member's data go.

    + state: ``PRIMARY``, ``STANDBY`` or ``DOWN``
    + led: its data are a primary's, which has at least what it sent to others
    + timeline, reach: the last position that is known to be there, in bytes
    + records: up to where there are whole records; what was received beyond may be the beginning of one
    + whole: there are no further ones
    + turns: where the data left their earlier timelines
    """

    name: str
    state: str
    led: bool
    timeline: int
    reach: int
    records: int
    whole: bool
    identifier: str
    turns: Mapping[int, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As an operator reads it."""
        return f"{self.state}, timeline {self.timeline}, {lsn_text(self.reach)}"


def data_positions(seen: Mapping[str, SeenData | None]) -> list[DataPosition]:
    """Every member that has data. + seen: ``MemberData`` by member; None for one of which nothing is known"""
    return [position_of(name, one) for name, one in seen.items() if one is not None and one["control"] is not None]


def position_of(name: str, one: SeenData) -> DataPosition:
    """How far the data of a member go that has some. + one: with a control file that was read"""
    control: Mapping[str, Any] = one["control"] or {}
    known = (control["checkpoint"], control["recovered"], one["end"], one["written"], one["replayed"])
    records = max(int(position or 0) for position in known)
    return DataPosition(
        name,
        DOWN if one["in_recovery"] is None else STANDBY if one["in_recovery"] else PRIMARY,
        one["in_recovery"] is False or control["state"] in PRIMARY_STATES,
        max(int(control["timeline"]), one["timeline"]),
        max(records, one["received"] or 0),
        records,
        one["whole"],
        str(control["identifier"]),
        one["turns"],
    )


def furthest(positions: Sequence[DataPosition], last: str | None = None) -> DataPosition:
    """
    The member whose data go furthest, the one rule for all that begins with data.

    The newest timeline comes first, for what lies beyond its beginning on an older one was given up when the newer one
    began. A primary that runs is ahead of those that stream from it. Of the others the one that led, because the others
    have no more than it sent them; but for one whose WAL was read to its end and has fewer whole records than another:
    it has lost what that one has. Where none led, the one with the most WAL, of equals the one that led last, else the
    first. Refuses two that led, of which nobody knows who was the last.

    + positions: at least one
    + last: who led last, as etcd has it
    """
    newest = max(one.timeline for one in positions)
    there = [one for one in positions if one.timeline == newest]
    if (primary := next((one for one in there if one.state == PRIMARY), None)) is not None:
        return primary
    led = [one for one in there if one.led]
    if len(led) > 1 and last not in {one.name for one in led}:
        raise UnsafeError(
            f"{' and '.join(one.name for one in led)} both led on timeline {newest}\n"
            f"HINT: --data without={led[-1].name} begins with {led[0].name}, and gives up what only {led[-1].name} has."
        )
    most = max(there, key=lambda one: (one.reach, one.name == last))
    former = next((one for one in led if one.name == last), led[0] if led else None)
    if former is None:
        return most
    rescued = max(there, key=lambda one: one.records)
    return rescued if former.whole and former.records < rescued.records else former


def most_advanced(
    cluster: Cluster, seen: Mapping[str, SeenData | None], without: Collection[str], last: str | None = None
) -> Node:
    """
    The member to begin with when there is no leader, as ``furthest`` judges it. Refuses to leave out a member that was
    not given up and whose data may go further, and data that are another cluster's.

    + seen: ``MemberData`` by member; None for one that is not in this run
    + without: members that were given up
    + last: who led last, as etcd has it
    """
    refuse_unread(cluster, seen, without)
    there = data_positions({name: one for name, one in seen.items() if name not in without})
    refuse_other_clusters(cluster, there)
    if not there:
        raise UnsafeError(f"no member of {cluster.name} has data\nHINT: deploys/cluster.py builds a cluster.")
    return cluster.node(furthest(there, last).name)


def refuse_unread(cluster: Cluster, seen: Mapping[str, SeenData | None], without: Collection[str]) -> None:
    """Refuse while a member that nobody gave up may have newer data than all others. As ``most_advanced`` has them."""
    reasons = {name: why for name, one in seen.items() if name not in without and (why := _unread(one))}
    if reasons:
        listed = "; ".join(f"{name} {why}" for name, why in reasons.items())
        names = ",".join([*without, *reasons])
        raise UnsafeError(
            f"it is not known which member of {cluster.name} has the newest data: {listed}\n"
            f"HINT: bring it back, or accept losing what only it has: --data without={names}."
        )


def _unread(one: SeenData | None) -> str | None:
    if one is None:
        return "is not in this run"
    if one["restoring"]:
        return "is being restored, which deploys/restore.py finishes"
    if one["data"] in ("empty", "absent"):
        return None  # it has nothing, and gets a copy
    return None if one["control"] is not None else "has data that pg_controldata cannot read"


def refuse_other_clusters(cluster: Cluster, positions: Iterable[DataPosition]) -> None:
    """Refuse data of different clusters: whoever leads, the others could not follow."""
    known = {one.name: one.identifier for one in positions}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{name} has {identifier}" for name, identifier in known.items())
        raise UnsafeError(
            f"the members of {cluster.name} hold different clusters: {listed}\n"
            f"HINT: move away those that are not of {cluster.name}, on their host, and run again; nothing was changed."
        )
