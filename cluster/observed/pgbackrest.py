"""What the repository host says of backups, the WAL archive and restore drills."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenBackup(TypedDict):
    """
    A backup in the repository. + size: of the database, + stored: of what it added to the repository, in bytes

    + repository: pgBackRest's number of it
    + started_at, stopped_at: seconds since the epoch
    + wal_start, wal_stop: the segments without which it cannot be restored; + lsn_stop: where it ended, in bytes
    + damaged: pages whose checksum was wrong are in it
    """

    label: str
    repository: int
    type: str
    started_at: int
    stopped_at: int
    size: int
    stored: int
    wal_start: str | None
    wal_stop: str | None
    lsn_stop: int
    damaged: bool


class SeenAttempt(TypedDict):
    """The last attempt at one type of backup. + ended_at: seconds since the epoch, 0 if never; + error: if it failed"""

    running: bool
    failed: bool
    ended_at: int
    error: str


class SeenPgbackrest(TypedDict):
    """
    One repository as its host sees it.

    + answers: false when pgBackRest could not say; error says why
    + status: pgBackRest's code of the stanza: 0 well, 1 no stanza, 2 no backup, 99 unknown; message: its words for it
    + identifiers: system identifiers of the databases that the stanza has had
    + archive: ``{id, min, max}`` of the WAL archive; None when it is empty
    + running: ``{done, total}`` in bytes of the backup under way
    + holes: ``{id, first, last, count}`` of segments that are missing; None when nobody looked, or not to the end
    + room: ``{free_mib, total_mib}`` of the file system with the repository; None when nobody looked
    """

    answers: bool
    error: str
    status: int
    message: str
    identifiers: list[str]
    backups: list[SeenBackup]
    archive: dict[str, str] | None
    running: dict[str, int] | None
    attempts: dict[str, SeenAttempt]
    holes: list[dict[str, Any]] | None
    room: dict[str, int] | None


class SeenProof(TypedDict):
    """
    What a restore drill left behind. + verdict: ``passed``, ``failed``, or ``undecided`` when it came to none

    + label: of the backup; None when there was none to take
    + began_at, ended_at, backup_at: seconds since the epoch; the last one is the end of the backup
    + reasons: why it did not pass; + notes: what is worth a word all the same
    + line: all of it in one line for people
    """

    verdict: str
    label: str | None
    began_at: int
    ended_at: int
    backup_at: int | None
    reasons: list[str]
    notes: list[str]
    seconds: dict[str, float]
    databases: dict[str, dict[str, int]]
    replayed: str | None
    replayed_at: str | None
    line: str


class SeenDrill(TypedDict):
    """
    The restore drills on the repository host.

    + installed: whether there is a unit for them; + since: seconds since the epoch, None while none is scheduled
    + running, step: whether one is under way, and where it is
    + done, total: bytes of the copy that are there, and of the backup; 0 while that is not known
    + last, passed: the newest proof, and the newest one that passed
    """

    installed: bool
    since: int | None
    running: bool
    step: str
    done: int
    total: int
    last: SeenProof | None
    passed: SeenProof | None


class SeenDatabases(TypedDict):
    """A member's databases for comparison. + databases: ``{name: {oid, bytes}}``; None on a standby"""

    in_recovery: bool
    identifier: str
    databases: dict[str, dict[str, int]] | None
