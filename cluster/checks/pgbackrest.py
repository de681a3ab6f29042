"""What is wrong with the backups: none, old, failed; WAL that is missing in the archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cluster.checks.archiver import unarchived
from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.drill import drill_findings
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.declared.repositories import Repository, instance
from cluster.measures import SEGMENT_BYTES
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.plans.backup import NO_BACKUP, WELL, end_of, newest
from cluster.verdicts.lives import beyond
from cluster.verdicts.repository_errors import cause

# What a primary may write between its own answer and that of the repository.
MEANWHILE_BYTES = 64 * SEGMENT_BYTES


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about the backups; nothing for a cluster without a repository host."""
    for repository, seen in overview.repositories:
        if seen is not None:  # a host that is silent, or a question without an answer, is a finding itself
            yield from (_named(one, repository) for one in _of_one(overview, repository, seen))
    if overview.cluster.repository is not None:
        yield from drill_findings(overview, overview.cluster.repository)


def _named(found: CheckFinding, repository: Repository) -> CheckFinding:
    if repository.alone:
        return found
    return replace(found, finding=replace(found.finding, problem=f"{repository.title}: {found.finding.problem}"))


def _of_one(overview: Overview, repository: Repository, seen: SeenPgbackrest) -> Iterable[CheckFinding]:
    node = overview.cluster.repository
    assert node is not None, "it has answered"
    if not seen["answers"]:
        yield check_finding("repository-unusable", node.name, cause(seen["error"]))
    elif seen["status"] not in (WELL, NO_BACKUP):
        yield check_finding(
            "repository-unusable", node.name, f"stanza {overview.cluster.name}: {cause(seen['message'])}"
        )
    else:
        yield from _foreign(overview, node, seen)
        yield from _backups(overview, node, seen)
        yield from _failures(node, seen, repository)
        yield from _holes(node, seen, repository)
        yield from _unarchived(overview, seen)


def _foreign(overview: Overview, repository: Node, seen: SeenPgbackrest) -> Iterable[CheckFinding]:
    leading = overview.postgres(overview.leader) if overview.leader else None
    identifier = leading["control"]["identifier"] if leading is not None and leading["control"] else None
    if identifier is not None and identifier not in seen["identifiers"]:
        problem = f"the backups are of {', '.join(seen['identifiers'])}, the cluster is {identifier}"
        yield check_finding("repository-foreign", repository.name, problem)
        return
    end = end_of(leading)
    if end is not None and (segment := beyond(seen["archive"], (end[0], end[1] + MEANWHILE_BYTES))):
        problem = f"the archive has {segment}, which the primary on timeline {end[0]} never wrote"
        yield check_finding("repository-foreign", repository.name, problem)


def _backups(overview: Overview, repository: Node, seen: SeenPgbackrest) -> Iterable[CheckFinding]:
    last = newest(seen)
    if last is None:
        yield check_finding("backup-none", repository.name, "there is no backup yet")
    else:
        hours = (overview.at.timestamp() - last["stopped_at"]) / 3600
        most = overview.cluster.settings.pgbackrest_age_alarm_hours
        if hours > most:
            problem = f"the newest backup, {last['label']}, is {hours:.0f} h old, more than {most}"
            yield check_finding("backup-old", repository.name, problem)
        if last["damaged"]:
            yield check_finding("backup-damaged", repository.name, f"{last['label']} has pages with a wrong checksum")


def _failures(node: Node, seen: SeenPgbackrest, repository: Repository) -> Iterable[CheckFinding]:
    for kind, attempt in seen["attempts"].items():
        if attempt["failed"] and not attempt["running"]:
            problem = f"the last {kind} backup failed: {attempt['error'] or 'its journal says why'}"
            unit = instance(kind, repository.number)
            yield check_finding("backup-failed", node.name, problem, type=kind, unit=unit)


def _holes(node: Node, seen: SeenPgbackrest, repository: Repository) -> Iterable[CheckFinding]:
    """What is missing before the oldest backup is of no use to anybody."""
    if seen["holes"] is None:
        problem = "the segments in the archive could not be listed in time"
        name = node.settings.cluster_name
        yield check_finding("archive-unlisted", node.name, problem, cluster=name, id=repository.number)
    starts = [one["wal_start"][8:] for one in seen["backups"] if one["wal_start"]]
    for hole in seen["holes"] or ():
        # Names without their timeline, which sort as the WAL was written.
        end, of_this = hole["last"][8:], seen["archive"] is not None and hole["id"] == seen["archive"]["id"]
        if of_this and starts and end >= min(starts):
            kind = "wal-missing" if max(starts) <= end else "wal-missing-before"
            yield check_finding(kind, node.name, _missing(hole))


def _unarchived(overview: Overview, seen: SeenPgbackrest) -> Iterable[CheckFinding]:
    """What the primary believes of its archive, and the archive does not know."""
    leading = overview.postgres(overview.leader) if overview.leader else None
    if leading is None or leading["archiver"] is None or leading["in_recovery"] or overview.leader is None:
        return
    newest = seen["archive"]["max"] if seen["archive"] is not None else None
    if segment := unarchived(leading["archiver"], newest):
        problem = f"{segment} counts as archived, and the repository has {newest or 'nothing'} as its newest segment"
        yield check_finding("wal-unarchived", overview.leader.name, problem)


def _missing(hole: Mapping[str, Any]) -> str:
    if hole["count"] == 1:
        return f"a segment is missing in the archive: {hole['first']}"
    return f"{hole['count']} segments are missing in the archive: {hole['first']} to {hole['last']}"
