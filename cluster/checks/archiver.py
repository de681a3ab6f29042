"""WAL on its way from the primary to the archive: what keeps it, why, and how much of it waits on the disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.measures import MIB, SEGMENT_BYTES, size_text
from cluster.observed.postgres import SeenPostgres

# A primary that writes much has a few segments on their way at any moment. A gigabyte is a delay that somebody notices.
WAITING_SEGMENTS = 64

# PostgreSQL tries again within a minute, and pgBackRest answers within another. An archiver that dies counts nothing.
READY_SECONDS = 240
# The looks at a primary and at the repository are of two moments.
ARRIVED_SECONDS = 60


def archiver_findings(overview: Overview, node: Node, seen: SeenPostgres) -> Iterable[CheckFinding]:
    """
    The archiver of one primary. A standby archives nothing; what it once failed to stands in its statistics for ever.

    + seen: its PostgreSQL
    """
    archiver, has_repository = seen["archiver"], overview.cluster.repository is not None
    if archiver is None or seen["in_recovery"]:
        return
    waiting = archiver.get("waiting") or 0
    if archiver["mode"] == "off":
        if has_repository:
            yield check_finding("archive-off", node.name, "archive_mode is off: WAL is not archived")
    elif archiver["last_failed_at"] is not None and archiver["last_failed_at"] > (archiver["last_archived_at"] or 0):
        attempts = f"{archiver['failed']} attempts have failed"
        kept = f", and {_waiting(overview, node, waiting)}" if waiting else ""
        problem = f"{archiver['last_failed']} could not be archived{_cause(overview, node)}; {attempts}{kept}"
        yield check_finding("archiver-failing", node.name, problem)
    elif waiting and (archiver.get("waiting_seconds") or 0) > READY_SECONDS:
        minutes = int(archiver["waiting_seconds"]) // 60
        problem = f"a segment has been ready for the archive for {minutes} min: {_waiting(overview, node, waiting)}"
        yield check_finding("wal-stuck", node.name, f"{problem}{_cause(overview, node)}")
    elif has_repository and waiting >= WAITING_SEGMENTS:
        yield check_finding("wal-waiting", node.name, _waiting(overview, node, waiting))


def segment_number(name: str) -> int:
    """How many segments of 16 MiB of WAL come before one. + name: of a segment"""
    return int(name[8:16], 16) * 256 + int(name[16:24], 16)


def unarchived(archiver: Mapping[str, Any], newest: str | None) -> str | None:
    """
    The segment that PostgreSQL takes for archived and that is not there; None when it is, or may be on its way.

    + archiver: of ``PostgresState``, of a primary; + newest: segment in the repository, None when there is none
    """
    last = str(archiver.get("last_archived") or "")[:24]
    if archiver["mode"] == "off" or not re.fullmatch("[0-9A-F]{24}", last) or (newest is not None and last <= newest):
        return None
    far = newest is None or segment_number(last) - segment_number(newest) >= WAITING_SEGMENTS
    return last if far or (archiver.get("last_archived_seconds") or 0) > ARRIVED_SECONDS else None


def _cause(overview: Overview, node: Node) -> str:
    words = overview.answer(node, "archiver")
    return f": {words}" if words else ""


def _waiting(overview: Overview, node: Node, segments: int) -> str:
    room = overview.rooms(node).get(overview.cluster.data_directory)
    left = f", which has {size_text(room['free_mib'] * MIB)} left" if room is not None else ""
    return f"{segments} segments of WAL, {size_text(segments * SEGMENT_BYTES)}, wait for the archive on the disk{left}"
