"""What is wrong with the backups: none, old, failed; WAL that is missing in the archive or does not get there."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.check_pgbackrest_drill import drill_complaints
from cluster.complaints import Complaint, complaint
from cluster.model import Node
from cluster.observed_pgbackrest import SeenPgbackrest
from cluster.overview import Overview
from cluster.plan_backup import NO_BACKUP, WELL, newest

# A primary that writes much has a few segments on their way at any moment. A gigabyte is a delay that somebody notices.
WAITING_SEGMENTS = 64


def pgbackrest_complaints(overview: Overview) -> Iterable[Complaint]:
    """Everything about the backups; nothing for a cluster without a repository host."""
    for node in overview.cluster.members if overview.cluster.repository is not None else ():
        yield from _waiting(overview, node)
    repository = overview.cluster.repository
    seen = overview.repository
    if repository is None or seen is None:
        return  # a host that is silent, or a question without an answer, is a finding itself
    if not seen["answers"]:
        yield complaint("repository-unusable", repository.name, seen["error"])
    elif seen["status"] not in (WELL, NO_BACKUP):
        yield complaint("repository-unusable", repository.name, f"stanza {overview.cluster.name}: {seen['message']}")
    else:
        yield from _foreign(overview, repository, seen)
        yield from _backups(overview, repository, seen)
        yield from _holes(repository, seen)
        yield from drill_complaints(overview, repository)


def _waiting(overview: Overview, node: Node) -> Iterable[Complaint]:
    state = overview.postgres(node)
    archiver = state["archiver"] if state is not None else None
    if archiver is None or state is None:
        return
    if archiver["mode"] == "off" and not state["in_recovery"]:
        yield complaint("archive-off", node.name, "archive_mode is off: WAL is not archived")
    waiting = archiver.get("waiting") or 0
    if waiting >= WAITING_SEGMENTS and not state["in_recovery"]:
        yield complaint("wal-waiting", node.name, f"{waiting} segments of WAL wait for the archive")


def _foreign(overview: Overview, repository: Node, seen: SeenPgbackrest) -> Iterable[Complaint]:
    leading = overview.postgres(overview.leader) if overview.leader else None
    identifier = leading["control"]["identifier"] if leading is not None and leading["control"] else None
    if identifier is not None and identifier not in seen["identifiers"]:
        problem = f"the backups are of {', '.join(seen['identifiers'])}, the cluster is {identifier}"
        yield complaint("repository-foreign", repository.name, problem)


def _backups(overview: Overview, repository: Node, seen: SeenPgbackrest) -> Iterable[Complaint]:
    last = newest(seen)
    if last is None:
        yield complaint("backup-none", repository.name, "there is no backup yet")
    else:
        hours = (overview.at.timestamp() - last["stopped_at"]) / 3600
        most = overview.cluster.settings.pgbackrest_age_alarm_hours
        if hours > most:
            problem = f"the newest backup, {last['label']}, is {hours:.0f} h old, more than {most}"
            yield complaint("backup-old", repository.name, problem)
        if last["damaged"]:
            yield complaint("backup-damaged", repository.name, f"{last['label']} has pages with a wrong checksum")
    for kind, attempt in seen["attempts"].items():
        if attempt["failed"] and not attempt["running"]:
            problem = f"the last {kind} backup failed: {attempt['error'] or 'its journal says why'}"
            yield complaint("backup-failed", repository.name, problem, type=kind)


def _holes(repository: Node, seen: SeenPgbackrest) -> Iterable[Complaint]:
    """What is missing before the oldest backup is of no use to anybody."""
    if seen["holes"] is None:
        problem = "the segments in the archive could not be listed in time"
        yield complaint("archive-unlisted", repository.name, problem, cluster=repository.settings.cluster_name)
    starts = [one["wal_start"][8:] for one in seen["backups"] if one["wal_start"]]
    for hole in seen["holes"] or ():
        # Names without their timeline, which sort as the WAL was written.
        end, of_this = hole["last"][8:], seen["archive"] is not None and hole["id"] == seen["archive"]["id"]
        if of_this and starts and end >= min(starts):
            kind = "wal-missing" if max(starts) <= end else "wal-missing-before"
            where = hole["first"] if hole["count"] == 1 else f"{hole['first']} to {hole['last']}"
            yield complaint(kind, repository.name, f"{hole['count']} segments are missing in the archive: {where}")
