"""
Tablespaces' directories outside the data directory: which of them hold files that a backup does not know, and whether a
host can have those that a cluster has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from cluster.declared.model import Cluster
from cluster.observed.restore import SeenRestore

KEPT = "before-restore"


def unknown(seen: SeenRestore | None, known: Collection[str]) -> list[str]:
    """
    Directories of a member's tablespaces that a backup does not know. The WAL would make them again, on top of what
    lies there. + known: those of the backup
    """
    return [] if seen is None else [path for path in seen["tablespaces"] if path not in known]


def kept_name(now: int) -> str:
    """What is put behind the name of a directory whose files are moved aside. + now: seconds since the epoch"""
    return f"{KEPT}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"


def aside_lines(members: Mapping[str, SeenRestore | None], known: Collection[str], now: int) -> list[str]:
    """What a restore moves aside, for the operator. + now: of the run, in seconds since the epoch"""
    where: dict[str, list[str]] = {}
    for name, seen in members.items():
        for path in unknown(seen, known):
            where.setdefault(path, []).append(name)
    return [
        f"  aside   files in {path} on {', '.join(names)}, a tablespace that the backup does not know: they are "
        f"kept under the name {kept_name(now)}"
        for path, names in sorted(where.items())
    ]


def joining_obstacle(name: str, places: Mapping[str, str], *, fresh: bool = True) -> str | None:
    """
    Why a host cannot have the directories of a cluster's tablespaces, with a way out; None when it can.

    + name: the host's; + places: what it has there, as ``TablespacePlaces`` says it
    + fresh: nothing there can be the cluster's own yet
    """
    if lost := _those(places, "lost"):
        return (
            f"{name} has no directory above {', '.join(lost)}, where {_which(lost)} of the cluster\n"
            "HINT: mount the file system or make the directory as on the other members, then run this again."
        )
    if fresh and (held := _those(places, "held")):
        return (
            f"{name} has a PostgreSQL's files in {', '.join(held)}, where {_which(held)} of the cluster\n"
            "HINT: nothing is overwritten: move them away, then run this again."
        )
    return None


def source_obstacle(cluster: Cluster, source: Cluster, places: Mapping[str, str]) -> str | None:
    """The same, on the host where a cluster begins with another one's backup. + places: on its first member"""
    name = cluster.members[0].name
    if held := _those(places, "held"):
        return (
            f"{name} has a PostgreSQL's files in {', '.join(held)}, where the backup of {source.name} has tablespaces\n"
            f"HINT: where they are those of a living cluster, restore on another host; else move them away."
        )
    return joining_obstacle(name, places)


def _those(places: Mapping[str, str], kind: str) -> list[str]:
    return [path for path, found in places.items() if found == kind]


def _which(paths: Iterable[str]) -> str:
    return "is a tablespace" if len(list(paths)) == 1 else "are tablespaces"
