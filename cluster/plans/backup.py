"""Whether backups can be taken into this repository, and what a backup was, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cluster.components.pgbackrest_backup import FULL_WORDS
from cluster.measures import LEAST_MIB, size_text
from cluster.observed.pgbackrest import SeenBackup, SeenPgbackrest
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle
from cluster.verdicts.lives import beyond
from cluster.verdicts.repository_errors import cause, way_out

MAKE_ROOM = "enlarge its file system, or keep fewer backups (pgbackrest_retention_full)"

# https://pgbackrest.org/command.html#command-info
WELL, NO_STANZA, NO_BACKUP, NO_DATA = 0, 1, 2, 3


def stanza_is_absent(seen: SeenPgbackrest) -> bool:
    """Whether the repository has nothing of this cluster yet."""
    return seen["answers"] and seen["status"] in (NO_STANZA, NO_DATA)


def repository_obstacle(
    seen: SeenPgbackrest,
    stanza: str,
    identifier: str | None,
    title: str = "the repository",
    end: tuple[int, int] | None = None,
) -> Obstacle | None:
    """
    Why nothing can be stored in a repository, with a way out; None when it can.

    + identifier: the system identifier of the cluster's data, None while that is not known
    + title: of the repository, where there are several
    + end: timeline and position that the cluster's primary has written; None while that is not known
    """
    if not seen["answers"]:
        return Obstacle(f"{title} does not answer: {cause(seen['error'])}", way_out(seen["error"]))
    if stanza_is_absent(seen):
        return None
    if seen["status"] not in (WELL, NO_BACKUP):
        return Obstacle(f"{title} cannot be used: {cause(seen['message'])}", way_out(seen["message"]))
    if identifier is not None and identifier not in seen["identifiers"]:
        return Obstacle(
            f"{title} has the backups of another cluster {stanza} (system identifier "
            f"{', '.join(seen['identifiers'])}, this one has {identifier})",
            "if they are worth keeping move that repository away, and take another path otherwise, "
            "pgbackrest_path or pgbackrest_s3_path",
        )
    return None if identifier is None else _life_obstacle(seen, stanza, title, end)


def end_of(primary: SeenPostgres | None) -> tuple[int, int] | None:
    """Up to where a primary has written, for ``repository_obstacle``; None for a standby, or where it does not say."""
    if primary is None or primary["in_recovery"] is not False or not primary["timeline"] or primary["written"] is None:
        return None
    return primary["timeline"], primary["written"]


def _life_obstacle(seen: SeenPgbackrest, stanza: str, title: str, end: tuple[int, int] | None) -> Obstacle | None:
    """A copy has the system identifier of its original; what it cannot have is WAL that was never written here."""
    segment = beyond(seen["archive"], end)
    if segment is None or end is None:
        return None
    return Obstacle(
        f"{title} has WAL of another life of the cluster {stanza}: {segment}, which its primary, on timeline {end[0]}, "
        "never wrote",
        "another cluster with the same data stores there, or did: give this one a repository of its "
        "own, pgbackrest_path or pgbackrest_s3_path, or move the stanza away if it is not needed; "
        "see docs/runs/backup.md",
    )


def room_obstacle(seen: SeenPgbackrest, title: str = "the repository") -> Obstacle | None:
    """Why nothing more fits into a repository, with a way out; None when it does, or nobody knows. + title: its"""
    room = seen["room"]
    if room is None or room["free_mib"] >= LEAST_MIB:
        return None
    return Obstacle(
        f"{title} is full: {room['free_mib']} of {room['total_mib']} MiB are left on its file system",
        f"{MAKE_ROOM}; see docs/runs/backup.md",
    )


def failure(what: str, error: str) -> str:
    """
    The refusal when a backup has failed.

    + what: its name
    + error: what its journal says, empty when it says nothing
    """
    fix = MAKE_ROOM if error.startswith(FULL_WORDS) else "fix what it says, or run this again"
    return (
        f"the {what} failed: {error or 'see its last lines above'}\n"
        f"HINT: it is tried again by itself in ten minutes, three times; {fix}."
    )


def unproven(said: Sequence[str], cause: str) -> str:
    """
    The refusal when no segment arrived in the archive.

    + said: what pgBackRest's check printed
    + cause: what the primary says of its archiver, empty when it says nothing
    """
    errors = [line.partition("ERROR: ")[2] for line in said if "ERROR: " in line]
    return (
        f"WAL is not archived, so no backup would be of use: {cause or (errors or ['it gives no reason'])[-1]}\n"
        "HINT: fix that and run this again; the primary keeps its WAL meanwhile, and takes writes while it has room."
    )


def newest(seen: SeenPgbackrest) -> SeenBackup | None:
    """The backup that ended last."""
    return max(seen["backups"], key=lambda one: one["stopped_at"], default=None)


def backup_lines(backup: SeenBackup) -> list[str]:
    """What a finished backup is, for the end of a run."""
    seconds = backup["stopped_at"] - backup["started_at"]
    ended = datetime.fromtimestamp(backup["stopped_at"], UTC)
    return [
        f"{backup['label']}  {backup['type']} backup, complete at {ended:%Y-%m-%d %H:%M:%S} UTC after {seconds} s",
        f"  size  {size_text(backup['size'])} of data, {size_text(backup['stored'])} added to the repository",
        f"  WAL   {backup['wal_start']} to {backup['wal_stop']}",
        *(["  DAMAGED PAGES are in it: see pg_amcheck, and the log of this backup"] if backup["damaged"] else []),
    ]


def progress_line(what: str, seen: SeenPgbackrest, seconds: float) -> str:
    """How far a backup is that is under way. + what: its name; + seconds: since it was begun"""
    running = seen["running"]
    done = f", {size_text(running['done'])} of {size_text(running['total'])}" if running and running["total"] else ""
    return f"{what} under way for {seconds:.0f} s{done}"
