"""Snapshots of etcd in words: how old the newest one is, and whether that is too old."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.declared.model import Cluster
from cluster.measures import age_text
from cluster.observed.etcd import SeenSnapshots

# A host that was busy or away misses one; more than that is a fault.
MISSED = 3

# A copy beside the backups is brought by a run, and somebody has to start that.
COPY_SECONDS = 7 * 24 * 3600


def oldest_allowed(cluster: Cluster) -> int:
    """Seconds that the newest snapshot may be old."""
    return MISSED * 60 * cluster.settings.etcd_snapshot_interval_minutes


def snapshot_lines(cluster: Cluster, seen: Mapping[str, SeenSnapshots]) -> list[str]:
    """What each host keeps. + seen: ``EtcdSnapshots`` by host"""
    width = max(map(len, seen), default=0)
    return [
        f"Snapshots of the etcd of {cluster.name}",
        *(f"  {name:{width}}  {_kept(one)}" for name, one in seen.items()),
    ]


def _kept(seen: SeenSnapshots) -> str:
    newest = seen["newest"]
    if newest is None:
        return "none"
    age = age_text(seen["now"] - newest["at"])
    return f"{seen['count']} kept, the newest at revision {newest['revision']}, {age} old: {newest['path']}"
