"""File systems with data that fill up; the repository has its own types of findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.measures import FULL_PERCENT, LEAST_MIB, MIB, NEARLY_FULL_PERCENT, size_text, used_percent
from cluster.observed.pgbackrest import SeenPgbackrest


def space_findings(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    """The file systems of one host, each once: by the directory of ours that comes first."""
    by_mount = {room["mount"]: (path, room) for path, room in reversed(list(overview.rooms(node).items()))}
    for mount, (path, room) in by_mount.items():
        used = used_percent(room)
        problem = f"{mount} is filled to {used:.0f} %, {room['free_mib']} MiB are left for {path}"
        if "backup" in node.roles and path == overview.cluster.repository_directory:
            yield from _repository(node, room, problem, overview.repository)
        elif used >= NEARLY_FULL_PERCENT:
            kind = "disk-full" if used >= FULL_PERCENT else "disk-nearly-full"
            yield check_finding(kind, node.name, problem, path=mount)


def _repository(
    node: Node, room: Mapping[str, Any], problem: str, seen: SeenPgbackrest | None
) -> Iterable[CheckFinding]:
    used, largest = used_percent(room), _largest(seen)
    words = {"cluster": node.settings.cluster_name, "path": room["mount"]}
    if used >= FULL_PERCENT or room["free_mib"] < LEAST_MIB:
        yield check_finding("repository-full", node.name, problem, **words)
    elif used >= NEARLY_FULL_PERCENT:
        yield check_finding("repository-nearly-full", node.name, problem, **words)
    elif room["free_mib"] * MIB < largest:
        yield check_finding(
            "repository-nearly-full", node.name, f"{problem}; a full backup took {size_text(largest)}", **words
        )


def _largest(seen: SeenPgbackrest | None) -> int:
    """What the largest full backup takes, which is kept until the next one is complete."""
    return (
        max((one["stored"] for one in seen["backups"] if one["type"] == "full"), default=0) if seen is not None else 0
    )
