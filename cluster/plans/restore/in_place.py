"""Whether a running cluster can be taken back to a moment, on which member, and what that costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.measures import MIB, lsn_text, moment_text
from cluster.observed.pgbackrest import SeenBackup, SeenPgbackrest
from cluster.observed.restore import SeenRestore
from cluster.obstacles import Obstacle, refuse
from cluster.plans.restore.archive import hole_obstacle
from cluster.plans.restore.backup_set import chosen_set, on_timeline, set_obstacle
from cluster.plans.restore.obstacles import order_of, state_obstacles
from cluster.plans.restore.target import Target
from cluster.plans.restore.turns import timelines_obstacle
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.live import Live

# Beside the data themselves: the WAL of the recovery.
ROOM_FACTOR = 1.1
AS_FAR = "--data latest=true goes as far as there is WAL"


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
    order, what = order_of(seen), f"{cluster.name} is not restored now"
    refuse(what, state_obstacles(cluster, live, repository, seen, target, archive=order is None and not unarchived))
    chosen = member or _member(cluster, live, seen, order)
    timeline = target.timeline or _timeline(live, order)
    usable = on_timeline(repository["backups"], turns_of(cluster, live), timeline)
    now = max(one["now"] for one in seen.values() if one is not None)
    ambiguous = timelines_obstacle(cluster, live.keys, target, timeline) if order is None else None
    found = ambiguous or _target_obstacle(live, target, now) or set_obstacle(usable, repository["backups"], target)
    refuse(what, [found] if found is not None else [])
    backup = chosen_set(usable, target)
    assert backup is not None, "set_obstacle has refused to go on without one"
    lacking = (
        room_obstacle(chosen, seen[chosen], backup),
        None if unarchived else hole_obstacle(repository, backup, target),
    )
    refuse(what, filter(None, lacking))
    led = order["led"] if order is not None else live.leader
    return Restore(chosen, target, backup, timeline, live.leader, led, order is not None)


def turns_of(cluster: Cluster, live: Live) -> dict[int, int]:
    """The position at which each earlier timeline was left, from etcd, which has it also while no Patroni runs."""
    return turns_in(cluster, live.keys)


def turns_in(cluster: Cluster, keys: Mapping[str, str]) -> dict[int, int]:
    """The same, from the cluster's keys in etcd."""
    stored = keys.get(cluster.key("history"))
    return {int(turn[0]): int(turn[1]) for turn in json.loads(stored or "[]")}


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


def _target_obstacle(live: Live, target: Target, now: int) -> Obstacle | None:
    if target.kind == "time" and target.epoch > now:
        return Obstacle(f"{target} is in the future: it is {moment_text(now)}", AS_FAR)
    written = max((state["written"] or 0 for state in live.postgres.values() if state is not None), default=0)
    if target.kind == "lsn" and written and target.position > written:
        reached = lsn_text(written)
        return Obstacle(f"{target} is not written yet: {reached} is", AS_FAR)
    return None


def room_obstacle(name: str, seen: SeenRestore | None, backup: SeenBackup) -> Obstacle | None:
    """Why a member cannot take the data of a backup, with the way out. + seen: None when it cannot be reached"""
    if seen is None:
        return Obstacle(f"{name} cannot be reached", "name another member with --data node=NAME")
    needed = int(backup["size"] * ROOM_FACTOR / MIB)
    if seen["room_mib"] >= needed:
        return None
    return Obstacle(
        f"{name} has room for {seen['room_mib']} MiB of data, the backup {backup['label']} takes {needed}",
        "make room, or name another member with --data node=NAME",
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
) -> Obstacle | None:
    """
    Why the cluster cannot be given back as it was before a restore, with the way out; None when it can.

    + seen: of every member; + member: the one that is restored
    """
    chosen = seen[member]
    if chosen is None:
        return Obstacle(f"{member} cannot be reached", "it was being restored; bring it back first")
    if chosen["result"] is not None and chosen["patroni"] == "active" and has_led(live, member, chosen["result"]):
        return Obstacle(f"{member} runs with the restored data already", "run again without cancel, and it is finished")
    if chosen["begun"] and len(cluster.members) == 1:
        return Obstacle(
            f"the data of {member} were touched, and there are no others",
            "--data latest=true restores all that was archived",
        )
    if obstacle := outage(live.etcd):
        return Obstacle(obstacle, "fix etcd first: `journalctl -u etcd` on its hosts")
    return None
