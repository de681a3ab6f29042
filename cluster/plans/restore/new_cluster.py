"""Whether a new cluster can begin with the data of another one's backup."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.components.pgbackrest_server import clients
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.observed.restore import SeenRestore
from cluster.plans.backup import repository_obstacle
from cluster.plans.restore.backup_set import chosen_set, moment, on_timeline, set_obstacle
from cluster.plans.restore.in_place import Restore, order_obstacle, room_obstacle
from cluster.plans.restore.target import Target
from cluster.plans.restore.text import source_lines
from cluster.plans.restore.turns import timelines_obstacle
from cluster.verdicts.lives import SEGMENT_BYTES, begin_of, timeline_of


def new_plan(
    cluster: Cluster,
    source: Cluster,
    repository: SeenPgbackrest,
    seen: SeenRestore,
    turns: Mapping[int, int] | None,
    target: Target,
    keys: Mapping[str, str] | None = None,
) -> Restore:
    """
    What the first member begins with. Refuses a source without a fitting backup, and a moment that cannot be reached.

    + seen: of the first member
    + turns: where the source left its earlier timelines; None: its etcd does not say
    + keys: what the source's etcd holds below its prefix
    """
    member, order = cluster.members[0].name, seen["order"]
    obstacle = order_obstacle({member: seen}, order, target) or _source_obstacle(cluster, source, repository)
    obstacle = obstacle or _target_obstacle(repository, target, seen["now"])
    # A cluster that begins with its own backup has begun a timeline in the same archive by the time it is gone on with.
    timeline = target.timeline or (order["to_timeline"] if order is not None else newest_timeline(repository))
    if order is None:
        obstacle = obstacle or timelines_obstacle(source, keys or {}, target, timeline)
    usable = on_timeline(repository["backups"], turns, timeline)
    obstacle = obstacle or set_obstacle(usable, repository["backups"], target)
    backup = chosen_set(usable, target)
    if obstacle is None and backup is not None:
        obstacle = room_obstacle(member, seen, backup)
        if obstacle is None:
            return Restore(member, target, backup, timeline, None, None, order is not None)
    raise UnsafeError(f"{obstacle}")


def newest_timeline(repository: SeenPgbackrest) -> int:
    """The timeline of the newest segment in an archive; 0 when it is empty."""
    return timeline_of(repository["archive"]["max"]) if repository["archive"] else 0


def _source_obstacle(cluster: Cluster, source: Cluster, repository: SeenPgbackrest) -> str | None:
    if source is not cluster and source.repository is not None and not clients(source, source.repository):
        return (
            f"the repository host of {source.name} is its only member, and answers no other host\n"
            f"HINT: give {source.name} a repository host of its own, or another member, and run deploys/cluster.py."
        )
    if obstacle := repository_obstacle(repository, source.name, None):
        return obstacle
    if not repository["backups"]:
        return f"there is no backup of {source.name}\nHINT: run deploys/backup.py for it first."
    ours, theirs = cluster.settings.postgres_version, source.settings.postgres_version
    if ours == theirs:
        return None
    return (
        f"{source.name} is PostgreSQL {theirs}, {cluster.name} is declared with {ours}\n"
        f"HINT: set postgres_version = {theirs}; a backup is restored by the version that wrote it."
    )


def _target_obstacle(repository: SeenPgbackrest, target: Target, now: int) -> str | None:
    if target.kind == "time" and target.epoch > now:
        return f"{target} is in the future: it is {moment(now)}\nHINT: --data latest=true goes as far as there is WAL."
    if target.kind == "lsn" and repository["archive"] and target.position > _end(repository["archive"]["max"]):
        newest = repository["archive"]["max"]
        return f"{target} is not in the archive, whose newest segment is {newest}\nHINT: name an earlier one."
    return None


def _end(segment: str) -> int:
    """The position at which a segment ends. + segment: its name"""
    return begin_of(segment) + SEGMENT_BYTES


def new_lines(cluster: Cluster, source: Cluster, plan: Restore) -> list[str]:
    """The plan for the operator."""
    others = [node.name for node in cluster.members[1:]]
    same = source is cluster
    return [
        f"{cluster.name} begins with the data of {'its own backup' if same else source.name} at {plan.target}",
        *(["  goes on with what an earlier run has begun"] if plan.goes_on else []),
        *source_lines(plan),
        f"  on      {plan.member}; then {', '.join(others) or 'nobody'} from it",
        *([] if same else [f"  leaves  {source.name} and its archive as they are; subscriptions here are disabled"]),
    ]
