"""Why a cluster cannot be restored now, whatever the moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.observed.restore import SeenRestore
from cluster.obstacles import Obstacle
from cluster.plans.backup import end_of, repository_obstacle
from cluster.plans.restore.archive import archive_obstacle
from cluster.plans.restore.target import Target, target_from
from cluster.verdicts.live import Live
from cluster.verdicts.lives import timeline_of
from cluster.verdicts.obstacles import LEADER, PATRONI, RESTORE, cluster_obstacles


def order_of(seen: Mapping[str, SeenRestore | None]) -> dict[str, Any] | None:
    """The unfinished restore that the members know of; None when there is none."""
    orders = [one["order"] for one in seen.values() if one is not None and one["order"] is not None]
    begun = [one["order"] for one in seen.values() if one is not None and one["order"] is not None and one["begun"]]
    return next(iter([*begun, *orders]), None)


def state_obstacles(
    cluster: Cluster,
    live: Live,
    repository: SeenPgbackrest,
    seen: Mapping[str, SeenRestore | None],
    target: Target,
    *,
    archive: bool,
) -> list[Obstacle]:
    """Why nothing can be restored now, whatever the moment. + archive: what the primary wrote last has to be there"""
    # Patroni and the leader are stopped for it, or are down already, as in a restore that is not finished.
    found = cluster_obstacles(cluster, live, without=(PATRONI, LEADER, RESTORE))
    others = (
        _repository(cluster, live, repository),
        _beyond(cluster, live),
        order_obstacle(seen, order_of(seen), target),
        archive_obstacle(live) if archive else None,
    )
    return [*found, *filter(None, others)]


def _repository(cluster: Cluster, live: Live, repository: SeenPgbackrest) -> Obstacle | None:
    identifiers = {state["control"]["identifier"] for state in live.postgres.values() if state and state["control"]}
    end, archive = end_of(live.postgres.get(live.leader) if live.leader is not None else None), repository["archive"]
    if end is not None and archive is not None and timeline_of(archive["max"]) != end[0]:
        end = None  # the recovery stays on the primary's timeline, whatever else is there
    if obstacle := repository_obstacle(repository, cluster.name, next(iter(identifiers), None), end=end):
        return obstacle
    if not repository["backups"]:
        return Obstacle(f"there is no backup of {cluster.name}", "see `pgbackrest info` on the repository host")
    if repository["running"] is not None:
        return Obstacle(
            "a backup is under way, and would fail with the stop of PostgreSQL", "wait until it is complete"
        )
    return None


def _beyond(cluster: Cluster, live: Live) -> Obstacle | None:
    """A member that this run cannot stop would lead on, or follow nobody."""
    beyond = [node.name for node in cluster.members if node.name not in live.within or live.postgres[node.name] is None]
    alive = [name for name in beyond if cluster.key("members", name) in live.keys]
    if not alive:
        return None
    return Obstacle(
        f"{', '.join(alive)} is beyond this run, and its Patroni is alive",
        "run without --limit; a host that is gone for good may stay out, once etcd has forgotten it",
    )


def order_obstacle(
    seen: Mapping[str, SeenRestore | None], order: Mapping[str, Any] | None, target: Target
) -> Obstacle | None:
    """Why this moment has to wait for another one, to which a member is being restored; None when it has not to."""
    running = [name for name, one in seen.items() if one is not None and one["running"]]
    if not running or order is None or target_from(order) == target:
        return None
    return Obstacle(
        f"{running[0]} is being restored to {target_from(order)}",
        f"wait for it, or end it with `systemctl stop pgbackrest-restore` on {running[0]}, then run this again",
    )
