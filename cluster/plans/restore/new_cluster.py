"""Whether a new cluster can begin with the data of another one's backup."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.components.pgbackrest_server import clients
from cluster.declared.model import Cluster
from cluster.measures import SEGMENT_BYTES, moment_text, segment_start
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.observed.restore import SeenRestore
from cluster.obstacles import Obstacle, refuse
from cluster.plans.backup import repository_obstacle
from cluster.plans.restore.backup_set import chosen_set, on_timeline, set_obstacle
from cluster.plans.restore.in_place import AS_FAR, Restore, room_obstacle
from cluster.plans.restore.obstacles import order_obstacle
from cluster.plans.restore.target import Target
from cluster.plans.restore.text import source_lines
from cluster.plans.restore.turns import timelines_obstacle
from cluster.verdicts.lives import timeline_of


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
    # A cluster that begins with its own backup has begun a timeline in the same archive by the time it is gone on with.
    timeline = target.timeline or (order["to_timeline"] if order is not None else newest_timeline(repository))
    usable = on_timeline(repository["backups"], turns, timeline)
    obstacle = (
        order_obstacle({member: seen}, order, target)
        or _source_obstacle(cluster, source, repository)
        or _target_obstacle(repository, target, seen["now"])
        or (timelines_obstacle(source, keys or {}, target, timeline) if order is None else None)
        or set_obstacle(usable, repository["backups"], target)
    )
    backup = chosen_set(usable, target)
    if obstacle is None and backup is not None:
        obstacle = room_obstacle(member, seen, backup)
    refuse(f"{cluster.name} does not begin with a backup now", [obstacle] if obstacle is not None else [])
    assert backup is not None, "set_obstacle has refused to go on without one"
    return Restore(member, target, backup, timeline, None, None, order is not None)


def newest_timeline(repository: SeenPgbackrest) -> int:
    """The timeline of the newest segment in an archive; 0 when it is empty."""
    return timeline_of(repository["archive"]["max"]) if repository["archive"] else 0


def _source_obstacle(cluster: Cluster, source: Cluster, repository: SeenPgbackrest) -> Obstacle | None:
    if source is not cluster and source.repository is not None and not clients(source, source.repository):
        return Obstacle(
            f"the repository host of {source.name} is its only member, and answers no other host",
            f"give {source.name} a repository host of its own, or another member, and run deploys/cluster.py",
        )
    if obstacle := repository_obstacle(repository, source.name, None):
        return obstacle
    if not repository["backups"]:
        return Obstacle(f"there is no backup of {source.name}", "run deploys/backup.py for it first")
    ours, theirs = cluster.settings.postgres_version, source.settings.postgres_version
    if ours == theirs:
        return None
    return Obstacle(
        f"{source.name} is PostgreSQL {theirs}, {cluster.name} is declared with {ours}",
        f"set postgres_version = {theirs}; a backup is restored by the version that wrote it",
    )


def _target_obstacle(repository: SeenPgbackrest, target: Target, now: int) -> Obstacle | None:
    if target.kind == "time" and target.epoch > now:
        return Obstacle(f"{target} is in the future: it is {moment_text(now)}", AS_FAR)
    if target.kind == "lsn" and repository["archive"] and target.position > _end(repository["archive"]["max"]):
        newest = repository["archive"]["max"]
        return Obstacle(f"{target} is not in the archive, whose newest segment is {newest}", "name an earlier one")
    return None


def _end(segment: str) -> int:
    """The position at which a segment ends. + segment: its name"""
    return segment_start(segment) + SEGMENT_BYTES


def new_lines(cluster: Cluster, source: Cluster, plan: Restore) -> list[str]:
    """The plan for the operator."""
    others = [node.name for node in cluster.members[1:]]
    same = source is cluster
    return [
        f"{cluster.name} begins with the data of {'its own backup' if same else source.name} at {plan.target}",
        *(["  resumes what an earlier run has started"] if plan.goes_on else []),
        *source_lines(plan),
        f"  on      {plan.member}; then {', '.join(others) or 'nobody'} from it",
        *([] if same else [f"  leaves  {source.name} and its archive as they are; subscriptions here are disabled"]),
    ]
