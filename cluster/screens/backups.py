"""The line of the status screen that says what a restore could bring back."""

from __future__ import annotations

from cluster.checks.overview import Overview
from cluster.declared.repositories import Repository
from cluster.measures import age_text, size_text
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.plans.backup import NO_BACKUP, WELL, newest
from cluster.plans.verify_backup import FAILED
from cluster.verdicts.repository_errors import cause

FULL = "full"
INDENT = " " * 12  # of the screen's words, behind their titles


def backups_words(overview: Overview) -> str:
    """Newest backup, newest full one, what is under way, and up to where WAL is archived; a line a repository."""
    if overview.cluster.repository is None:
        return "no backups are configured"
    lines = [
        f"{'' if one.alone else one.title + ': '}{_words(overview, one, seen)}" for one, seen in overview.repositories
    ]
    return f"\n{INDENT}".join(lines)


def _words(overview: Overview, repository: Repository, seen: SeenPgbackrest | None) -> str:
    if seen is None or not seen["answers"]:
        return f"{repository.title.upper()} DOES NOT ANSWER" if repository.alone else "DOES NOT ANSWER"
    if seen["status"] not in (WELL, NO_BACKUP):
        return cause(seen["message"])
    words = [*_backups(overview, seen), *_running(seen)]
    words.append(f"WAL to {seen['archive']['max']}" if seen["archive"] else "NO WAL IS ARCHIVED")
    return ", ".join(words)


def drill_words(overview: Overview) -> str:
    """What the restore drills proved, and when; empty for a cluster without backups, or one that does not tell."""
    drill = overview.drill
    if drill is None:
        return ""
    last, passed = drill["last"], drill["passed"]
    words = ["no backup was proven yet"]
    if passed is not None:
        words = [f"{passed['label']} proven {age_text(overview.at.timestamp() - passed['ended_at'])} ago"]
    if last is not None and last["verdict"] == FAILED:
        words.append("THE LAST ONE FAILED")
    return ", ".join([*words, *(["one is under way"] if drill["running"] else [])])


def _backups(overview: Overview, seen: SeenPgbackrest) -> list[str]:
    last = newest(seen)
    if last is None:
        return ["NO BACKUP"]
    age = age_text(overview.at.timestamp() - last["stopped_at"])
    whole = max(
        (one for one in seen["backups"] if one["type"] == FULL), key=lambda one: one["stopped_at"], default=None
    )
    older = (
        [f"full {age_text(overview.at.timestamp() - whole['stopped_at'])} ago"] if whole and whole is not last else []
    )
    return [f"{last['type']} {age} ago of {size_text(last['size'])}", *older]


def _running(seen: SeenPgbackrest) -> list[str]:
    return [f"{kind} under way" for kind, attempt in seen["attempts"].items() if attempt["running"]]
