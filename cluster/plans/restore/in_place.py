"""Whether a running cluster can be taken back to a moment, on which member, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.declared.model import Cluster
from cluster.declared.tuning import MIB
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenBackup, SeenPgbackrest
from cluster.observed.restore import SeenRestore
from cluster.plans.backup import end_of, repository_obstacle
from cluster.plans.restore.archive import archive_obstacle, hole_obstacle
from cluster.plans.restore.backup_set import chosen_set, moment, on_timeline, set_obstacle
from cluster.plans.restore.target import Target, target_from
from cluster.plans.restore.turns import timelines_obstacle
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.health import scheduled_switchover
from cluster.verdicts.live import Live
from cluster.verdicts.lives import timeline_of

# Beside the data themselves: the WAL of the recovery.
ROOM_FACTOR = 1.1


@dataclass(frozen=True)
class Restore:
    """
    A restore that can be begun, or go on.

    + member: the one that is restored; the others are made from it
    + backup: what it begins with
    + timeline: on which the recovery stays
    + leader: the member that leads now; None when nobody does
    + led: the one that led when the restore was begun, whose last WAL is archived first
    + goes_on: an earlier run has begun it
    """

    member: str
    target: Target
    backup: SeenBackup
    timeline: int
    leader: str | None
    led: str | None
    goes_on: bool

    @property
    def order(self) -> dict[str, Any]:
        """What is kept on the members until the restore is over."""
        known = {"member": self.member, "set": self.backup["label"], "repository": self.backup["repository"]}
        known |= {"to_timeline": self.timeline, "led": self.led}
        return {**self.target.as_dict(), **known}


def restore_plan(
    cluster: Cluster,
    live: Live,
    repository: SeenPgbackrest,
    seen: Mapping[str, SeenRestore | None],
    target: Target,
    member: str | None,
    *,
    unarchived: bool = False,
) -> Restore:
    """
    What to do, from what is live. Refuses while something is in the way, and a moment that cannot be reached.

    + seen: of every member; None where the host cannot be reached
    + member: the one to restore; None: the one of an unfinished restore, else a standby, so that the primary's data
      are there until the restored ones lead
    + unarchived: give up what is not in the archive
    """
    order = order_of(seen)
    obstacle = _obstacle(cluster, live, repository) or order_obstacle(seen, order, target)
    if obstacle is None and order is None and not unarchived:
        obstacle = archive_obstacle(live)
    if obstacle is None:
        chosen = member or _member(cluster, live, seen, order)
        timeline = target.timeline or _timeline(live, order)
        if order is None:
            obstacle = timelines_obstacle(cluster, _keys(live), target, timeline)
    if obstacle is None:
        usable = on_timeline(repository["backups"], turns_of(cluster, live), timeline)
        now = max(one["now"] for one in seen.values() if one is not None)
        obstacle = _target_obstacle(live, target, now) or set_obstacle(usable, repository["backups"], target)
        backup = chosen_set(usable, target)
        if obstacle is None and backup is not None:
            obstacle = room_obstacle(chosen, seen[chosen], backup)
            if obstacle is None and not unarchived:
                obstacle = hole_obstacle(repository, backup, target)
            if obstacle is None:
                led = order["led"] if order is not None else live.leader
                return Restore(chosen, target, backup, timeline, live.leader, led, order is not None)
    raise UnsafeError(str(obstacle))


def order_of(seen: Mapping[str, SeenRestore | None]) -> dict[str, Any] | None:
    """The unfinished restore that the members know of; None when there is none."""
    orders = [one["order"] for one in seen.values() if one is not None and one["order"] is not None]
    begun = [one["order"] for one in seen.values() if one is not None and one["order"] is not None and one["begun"]]
    return next(iter([*begun, *orders]), None)


def turns_of(cluster: Cluster, live: Live) -> dict[int, int]:
    """The position at which each earlier timeline was left, from etcd, which has it also while no Patroni runs."""
    return turns_in(cluster, _keys(live))


def turns_in(cluster: Cluster, keys: Mapping[str, str]) -> dict[int, int]:
    """The same, from the cluster's keys in etcd."""
    stored = keys.get(f"{cluster.scope_key}history")
    return {int(turn[0]): int(turn[1]) for turn in json.loads(stored or "[]")}


def _keys(live: Live) -> Mapping[str, str]:
    return (live.etcd["keys"] if live.etcd is not None else None) or {}


def _obstacle(cluster: Cluster, live: Live, repository: SeenPgbackrest) -> str | None:
    if obstacle := outage(live.etcd):
        return f"{obstacle}\nHINT: fix etcd first: the restored cluster gets its leader from it."
    if live.patroni["paused"]:
        return f"{cluster.name} is paused\nHINT: run deploys/resume.py first: Patroni has to begin with the new data."
    if scheduled := scheduled_switchover(live.patroni):
        return f"{scheduled}\nHINT: wait for it, or `patronictl flush {cluster.name} switchover` on a member."
    identifiers = {state["control"]["identifier"] for state in live.postgres.values() if state and state["control"]}
    end, archive = end_of(live.postgres.get(live.leader) if live.leader is not None else None), repository["archive"]
    if end is not None and archive is not None and timeline_of(archive["max"]) != end[0]:
        end = None  # the recovery stays on the primary's timeline, whatever else is there
    if obstacle := repository_obstacle(repository, cluster.name, next(iter(identifiers), None), end=end):
        return obstacle
    if not repository["backups"]:
        return f"there is no backup of {cluster.name}\nHINT: see `pgbackrest info` on the repository host."
    if repository["running"] is not None:
        return "a backup is under way, and would fail with the stop of PostgreSQL\nHINT: wait until it is complete."
    return _beyond_obstacle(cluster, live)


def _beyond_obstacle(cluster: Cluster, live: Live) -> str | None:
    """A member that this run cannot stop would lead on, or follow nobody."""
    beyond = [node.name for node in cluster.members if node.name not in live.within or live.postgres[node.name] is None]
    alive = [name for name in beyond if f"{cluster.scope_key}members/{name}" in _keys(live)]
    if not alive:
        return None
    return (
        f"{', '.join(alive)} is beyond this run, and its Patroni is alive\n"
        "HINT: run without --limit; a host that is gone for good may stay out, once etcd has forgotten it."
    )


def order_obstacle(
    seen: Mapping[str, SeenRestore | None], order: Mapping[str, Any] | None, target: Target
) -> str | None:
    """Why this moment has to wait for another one, to which a member is being restored; None when it has not to."""
    running = [name for name, one in seen.items() if one is not None and one["running"]]
    if not running or order is None or target_from(order) == target:
        return None
    return (
        f"{running[0]} is being restored to {target_from(order)}\n"
        f"HINT: wait for it, or end it with `systemctl stop pgbackrest-restore` on {running[0]}, then run this again."
    )


def _member(
    cluster: Cluster, live: Live, seen: Mapping[str, SeenRestore | None], order: Mapping[str, Any] | None
) -> str:
    reached = [node.name for node in cluster.members if node.name in live.within and seen[node.name] is not None]
    if order is not None and order["member"] in reached:
        return str(order["member"])
    standbys = [name for name in reached if name != live.leader]
    return next(iter([*standbys, *reached]))


def _timeline(live: Live, order: Mapping[str, Any] | None) -> int:
    """The one that the cluster is on. An unfinished restore has noted it: it began one itself since."""
    if order is not None:
        return int(order["to_timeline"])
    leading = live.postgres.get(live.leader) if live.leader is not None else None
    if leading is not None and leading["timeline"]:
        return int(leading["timeline"])
    known: list[int] = [state["control"]["timeline"] for state in live.postgres.values() if state and state["control"]]
    if not known:
        raise UnsafeError("no member says on which timeline the cluster was\nHINT: name it with --data timeline=N.")
    return max(known)


def _target_obstacle(live: Live, target: Target, now: int) -> str | None:
    if target.kind == "time" and target.epoch > now:
        return f"{target} is in the future: it is {moment(now)}\nHINT: --data latest=true goes as far as there is WAL."
    written = max((state["written"] or 0 for state in live.postgres.values() if state is not None), default=0)
    if target.kind == "lsn" and written and target.position > written:
        reached = f"{written >> 32:X}/{written & 0xFFFFFFFF:X}"
        return f"{target} is not written yet: {reached} is\nHINT: --data latest=true goes as far as there is WAL."
    return None


def room_obstacle(name: str, seen: SeenRestore | None, backup: SeenBackup) -> str | None:
    """Why a member cannot take the data of a backup, with the way out. + seen: None when it cannot be reached"""
    if seen is None:
        return f"{name} cannot be reached\nHINT: name another member with --data node=NAME."
    needed = int(backup["size"] * ROOM_FACTOR / MIB)
    if seen["room_mib"] >= needed:
        return None
    return (
        f"{name} has room for {seen['room_mib']} MiB of data, the backup {backup['label']} takes {needed}\n"
        "HINT: make room, or name another member with --data node=NAME."
    )


def has_led(live: Live, member: str, result: Mapping[str, Any]) -> bool:
    """
    Whether restored data have led, or are about to: then they may have writes that no others have.

    + result: of the restore of this member
    """
    own = live.postgres[member]
    if own is None or own["answers"] or live.leader == member:
        return True
    return own["control"] is None or int(own["control"]["timeline"]) > int(result["timeline"])


def giving_back_obstacle(
    cluster: Cluster, live: Live, seen: Mapping[str, SeenRestore | None], member: str
) -> str | None:
    """
    Why the cluster cannot be given back as it was before a restore, with the way out; None when it can.

    + seen: of every member; + member: the one that is restored
    """
    chosen = seen[member]
    if chosen is None:
        return f"{member} cannot be reached\nHINT: it was being restored; bring it back first."
    if chosen["result"] is not None and chosen["patroni"] == "active" and has_led(live, member, chosen["result"]):
        return f"{member} runs with the restored data already\nHINT: run again without cancel, and it is finished."
    if chosen["begun"] and len(cluster.members) == 1:
        return (
            f"the data of {member} were touched, and there are no others\n"
            "HINT: --data latest=true restores all that was archived."
        )
    if obstacle := outage(live.etcd):
        return f"{obstacle}\nHINT: fix etcd first."
    return None
