"""
Which data, backups and WAL share one history of a cluster.

A copy has the system identifier of its original. What the two do not share is where they left their timelines, and how
far each of them wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.measures import segment_start
from cluster.observed.pgbackrest import SeenPgbackrest

# The position in bytes at which each earlier timeline was left.
Turns = Mapping[int, int]


def timeline_of(segment: str) -> int:
    """The timeline of a segment. + segment: its name"""
    return int(segment[:8], 16)


def beyond(archive: Mapping[str, str] | None, end: tuple[int, int] | None) -> str | None:
    """
    The newest segment in an archive, when the cluster cannot have written it.

    + archive: as ``SeenPgbackrest`` has it
    + end: timeline and position of the primary, asked after the archive or just before; None: not known
    """
    if archive is None or end is None:
        return None
    newest, (timeline, position) = archive["max"], end
    later = timeline_of(newest) > timeline
    return newest if later or (timeline_of(newest) == timeline and segment_start(newest) > position) else None


def parted(one: Turns, other: Turns) -> int | None:
    """The first timeline that two histories left at different positions; None when they may be one."""
    return next((turn for turn in sorted(one) if turn in other and one[turn] != other[turn]), None)


def is_foreign(data: Mapping[str, Any], known: Turns) -> bool:
    """
    Whether data are of another life than the cluster.

    + data: with the newest ``timeline`` that they know, the ``turns`` before it, and the ``end`` of what they have
    + known: where the cluster left its own; Patroni may have forgotten the oldest
    """
    timeline = data["timeline"]
    if timeline > max(known, default=0) + 1 or parted(data["turns"], known) is not None:
        return True
    if timeline in known and data["end"] > known[timeline]:
        return True  # it went on where the cluster had turned
    # One that the cluster has never been on, between others that it has.
    return min(known, default=timeline) <= timeline <= max(known, default=0) and timeline not in known


def aside(cluster: Cluster) -> str:
    """The command that moves the stanza of a repository directory away, and loses nothing."""
    name = cluster.name
    move = f"for d in archive backup; do mv $d/{name} $d/{name}.$(date +%s); done"
    return f"`sudo sh -c 'cd {cluster.repository_directory} && {move}'`"


def life_obstacle(cluster: Cluster, place: str, labels: Iterable[str]) -> tuple[str, str]:
    """
    Why a cluster cannot begin where a stanza of its name has a life of its own, and the ways out.

    + place: which repository; + labels: of the backups in it
    """
    known = sorted(labels)
    newest = f", the newest {known[-1]}" if known else ""
    problem = (
        f"{place} has the stanza {cluster.name} of another life of the cluster: {len(known)} backups{newest}. What "
        "begins now would go on with its WAL"
    )
    keep = "take another pgbackrest_s3_path" if cluster.repository_directory is None else aside(cluster)
    return problem, (
        f"To keep them: {keep} on {cluster.repository.name if cluster.repository else 'its host'}. To give them up: "
        f"`pyinfra inventory.py deploys/destroy.py --data confirm={cluster.name} --data backups=true`. To go on with "
        f"them: `pyinfra inventory.py deploys/restore.py --data source={cluster.name} --data latest=true "
        f"--data confirm={cluster.name}`."
    )


def stanza_findings(
    cluster: Cluster,
    pictures: Mapping[str, Mapping[str, Any] | None],
    keys: Mapping[str, str] | None,
    *,
    copies: bool,
    goes_on: bool,
) -> Iterable[Finding]:
    """
    A stanza that is there before the cluster begins, whose WAL the new cluster would replay or write over.

    + pictures: ``HostPicture`` by host name; + keys: what etcd holds below the cluster's prefix
    + copies: the cluster begins with a backup of another one
    + goes_on: it begins with data or backups of its own
    """
    seen = {name: one for name, one in pictures.items() if one is not None}
    begun = (keys or {}).get(cluster.key("initialize")) is not None
    if begun or goes_on or any(one["restoring"] for one in seen.values()):
        return
    if not copies and any(_has_data(one) or one["scope"] == cluster.name for one in seen.values()):
        return
    for name, one in seen.items():
        if one["stanza"] is not None:
            yield Finding(name, "stanza", *life_obstacle(cluster, "the repository", one["stanza"]["backups"]))


def _has_data(picture: Mapping[str, Any]) -> bool:
    return picture["data"] is not None and picture["data"]["version"] is not None


def stanza_obstacle(cluster: Cluster, seen: Mapping[str, SeenPgbackrest]) -> str | None:
    """
    The same for what pgBackRest says of its repositories, also those in a store. + seen: by the repository's title
    """
    for place, said in seen.items():
        # A stanza that cannot be read is none that is absent.
        if said["identifiers"] or said["backups"] or said["archive"]:
            problem, hint = life_obstacle(cluster, place, [one["label"] for one in said["backups"]])
            return f"{problem}\nHINT: {hint}"
    return None
