"""With which backup a restore begins, and why a moment cannot be reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cluster.measures import moment_text
from cluster.observed.pgbackrest import SeenBackup
from cluster.obstacles import Obstacle
from cluster.plans.restore.target import Target


def timeline_of(backup: SeenBackup) -> int:
    """The timeline on which a backup ended; 0 when it has no WAL."""
    return int((backup["wal_stop"] or "0")[:8], 16)


def on_timeline(backups: Iterable[SeenBackup], turns: Mapping[int, int] | None, timeline: int) -> list[SeenBackup]:
    """
    The backups from which WAL leads to a timeline, oldest first. One that ended after its timeline was left belongs to
    a branch that was given up; PostgreSQL would refuse to go on from it.

    + turns: the cluster's history: the position in bytes at which each earlier timeline was left; None: nobody knows
    + timeline: the one to end on
    """
    found = [backup for backup in backups if _leads_to(backup, turns, timeline)]
    return sorted(found, key=lambda one: one["stopped_at"])


def _leads_to(backup: SeenBackup, turns: Mapping[int, int] | None, timeline: int) -> bool:
    own = timeline_of(backup)
    if own >= timeline:
        return own == timeline
    if turns is None or (timeline not in turns and timeline <= max(turns, default=0)):
        return True  # of a branch that was given up nobody knows where it began: PostgreSQL will say
    return own in turns and backup["lsn_stop"] <= turns[own]


def chosen_set(backups: Sequence[SeenBackup], target: Target) -> SeenBackup | None:
    """The backup to begin with; None when none serves. + backups: those that lead to the timeline, oldest first"""
    if target.label:
        return next((one for one in backups if one["label"] == target.label and _is_before(one, target)), None)
    return next((one for one in reversed(backups) if _is_before(one, target)), None)


def _is_before(backup: SeenBackup, target: Target) -> bool:
    if target.kind == "time":
        return backup["stopped_at"] < target.epoch
    if target.kind == "lsn":
        return backup["lsn_stop"] <= target.position
    return True


def set_obstacle(backups: Sequence[SeenBackup], known: Iterable[SeenBackup], target: Target) -> Obstacle | None:
    """
    Why no backup serves, with the way out; None when one does.

    + backups: those that lead to the timeline, oldest first
    + known: all that the repository has
    """
    if not backups:
        return Obstacle(
            "no backup leads to this timeline", "name another with --data timeline=N; see docs/runs/restore.md"
        )
    if target.label and target.label not in {one["label"] for one in backups}:
        return _no_such_set(backups, known, target)
    if target.kind == "name" and not target.label and len(backups) > 1:
        # Where it lies in the WAL is known only when the recovery comes by, and behind it nobody would ever.
        return Obstacle(
            f"there are {len(backups)} backups, and none says whether {target.value} was made before it or after it",
            f"add --data set= with the newest that is older than the restore point: {_listed(backups)}",
        )
    if chosen_set(backups, target) is not None:
        return None
    begin = next(one for one in backups if not target.label or one["label"] == target.label)
    return Obstacle(
        f"{target} is before the end of the {'' if target.label else 'first '}backup {begin['label']}, which was "
        f"complete at {moment_text(begin['stopped_at'])}",
        f"name a later moment, or --data set={begin['label']} alone for the end of that backup",
    )


def _no_such_set(backups: Sequence[SeenBackup], known: Iterable[SeenBackup], target: Target) -> Obstacle:
    elsewhere = target.label in {one["label"] for one in known}
    why = "belongs to another timeline" if elsewhere else "is not in the repository"
    return Obstacle(f"the backup {target.label} {why}", f"there are {_listed(backups)}")


def _listed(backups: Sequence[SeenBackup]) -> str:
    return ", ".join(f"{one['label']} (complete at {moment_text(one['stopped_at'])})" for one in backups[-5:])
