"""A whole cluster stopped and started: which member led, and whose data go furthest."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.shutdown import SeenPower

# pg_controldata's words for one that wrote WAL of its own, and not only what it received.
# https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_controldata/pg_controldata.c
LED = ("in production", "shutting down", "shut down", "in crash recovery")


def primary_of(seen: Mapping[str, SeenPower]) -> str | None:
    """The member that takes writes now. Refuses two of them. + seen: ``MemberPower`` by member"""
    found = [name for name, one in seen.items() if one["in_recovery"] is False]
    if len(found) > 1:
        raise UnsafeError(
            f"{' and '.join(found)} both take writes\n"
            "HINT: clients may have written on both; stop the one whose writes shall go, and run again."
        )
    return found[0] if found else None


def last_record(seen: Mapping[str, SeenPower]) -> int | None:
    """Where the member ended that led and is down by now; None where nobody is that. + seen: ``MemberPower``"""
    ended = [one["control"] for one in seen.values() if not one["server"] and one["control"] is not None]
    return max((int(one["checkpoint"]) for one in ended if one["state"] == "shut down"), default=None)


def is_running(one: SeenPower) -> bool:
    """Whether Patroni or PostgreSQL runs on a member, or is about to."""
    return one["server"] or one["patroni"] not in ("inactive", "failed")


def may_start(one: SeenPower) -> bool:
    """Whether Patroni starts at the next boot, too: else somebody keeps it down on purpose."""
    return one["enabled"] == "enabled"


def reach(one: SeenPower) -> int:
    """Up to where a member has WAL, in bytes, as far as anybody can know."""
    control = one["control"] or {"checkpoint": 0, "recovered": 0}
    known = (control["checkpoint"], control["recovered"], one["end"], one["received"] or 0, one["replayed"] or 0)
    return int(max(known))


def most_advanced(
    cluster: Cluster, seen: Mapping[str, SeenPower | None], without: Collection[str], last: str | None = None
) -> Node:
    """
    The member to begin with when there is no leader: of the newest timeline, the one that led, because the others have
    no more than it sent them; when that one is not there, the one with the most WAL. Refuses to leave out a member that
    was not given up and whose data may go further, and data that are another cluster's.

    + seen: ``MemberPower`` by member; None for one that is not in this run
    + without: members that were given up
    + last: who led last, as etcd has it
    """
    refuse_unread(cluster, seen, without)
    there = {name: one for name, one in seen.items() if one is not None and one["control"] and name not in without}
    _refuse_strangers(cluster, there)
    if not there:
        raise UnsafeError(f"no member of {cluster.name} has data\nHINT: deploys/cluster.py builds a cluster.")
    newest = max(_timeline(one) for one in there.values())
    ahead = {name: one for name, one in there.items() if _timeline(one) == newest}
    led = [name for name, one in ahead.items() if one["control"] and one["control"]["state"] in LED]
    if len(led) > 1 and last not in led:
        raise UnsafeError(
            f"{' and '.join(led)} both led on timeline {newest}\n"
            f"HINT: --data without={led[-1]} begins with {led[0]}, and gives up what only {led[-1]} has."
        )
    if led:
        return cluster.node(last if last in led else led[0])
    return cluster.node(max(ahead, key=lambda name: reach(ahead[name])))


def _timeline(one: SeenPower) -> int:
    return int(one["control"]["timeline"]) if one["control"] else 0


def refuse_unread(cluster: Cluster, seen: Mapping[str, SeenPower | None], without: Collection[str]) -> None:
    """Refuse while a member that nobody gave up may have newer data than all others. As ``most_advanced`` has them."""
    reasons = {name: why for name, one in seen.items() if name not in without and (why := _unread(one))}
    if reasons:
        listed = "; ".join(f"{name} {why}" for name, why in reasons.items())
        names = ",".join([*without, *reasons])
        raise UnsafeError(
            f"it is not known which member of {cluster.name} has the newest data: {listed}\n"
            f"HINT: bring it back, or accept losing what only it has: --data without={names}."
        )


def _unread(one: SeenPower | None) -> str | None:
    if one is None:
        return "is not in this run"
    if one["restoring"]:
        return "is being restored, which deploys/restore.py finishes"
    if one["data"] in ("empty", "absent"):
        return None  # it has nothing, and gets a copy
    return None if one["control"] is not None else "has data that pg_controldata cannot read"


def _refuse_strangers(cluster: Cluster, there: Mapping[str, SeenPower]) -> None:
    known = {name: one["control"]["identifier"] for name, one in there.items() if one["control"]}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{name} has {identifier}" for name, identifier in known.items())
        raise UnsafeError(
            f"the members of {cluster.name} hold different clusters: {listed}\n"
            "HINT: move away the data that are not this cluster's, and run again."
        )
