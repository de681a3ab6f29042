"""The repositories of a cluster: one or two places, each with all backups and all WAL, behind one repository host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.settings.pgbackrest import DIRECTORY, S3, TYPES, PgbackrestSettings

MOST = 2
TITLES: Mapping[str, str] = {DIRECTORY: "the directory", S3: "the S3 store"}


@dataclass(frozen=True)
class Repository:
    """
    One place for backups and WAL.

    + number: pgBackRest's, from 1 on; where it may choose it reads the first one
    + kind: directory or s3
    + alone: whether there is no other
    """

    number: int
    kind: str
    alone: bool

    @property
    def title(self) -> str:
        """For people: by what it is, where there are several."""
        return "the repository" if self.alone else TITLES[self.kind]

    @property
    def prefix(self) -> str:
        """What pgBackRest's options for it begin with."""
        return f"repo{self.number}"

    @property
    def question(self) -> str:
        """Under which name its host is asked about it when the whole cluster is looked at."""
        return "pgbackrest" if self.number == 1 else f"pgbackrest{self.number}"


def repositories_of(settings: PgbackrestSettings) -> tuple[Repository, ...]:
    """The repositories in the order of their numbers, whether or not there is a repository host."""
    kinds = settings.pgbackrest_repositories
    return tuple(Repository(number, kind, alone=len(kinds) == 1) for number, kind in enumerate(kinds, 1))


def repository_question(repository: Repository, stanza: str, settings: PgbackrestSettings) -> dict[str, object]:
    """The arguments of the fact ``PgbackrestInfo``. + stanza: the cluster's name"""
    place = {"directory": settings.pgbackrest_path} if repository.kind == DIRECTORY else {}
    return {"stanza": stanza, "repository": repository.number, **place}


def instance(kind: str, number: int = 1) -> str:
    """The unit's instance for one type of backup, ``full`` or ``full-repo2``. + number: of the repository"""
    return kind if number == 1 else f"{kind}-repo{number}"


def timer(kind: str, number: int = 1) -> str:
    """The timer of one type of backup. + kind: full, diff or incr; + number: of the repository"""
    return f"pgbackrest-backup-{instance(kind, number)}.timer"


def service(kind: str, number: int = 1) -> str:
    """The unit that takes one backup. + kind: full, diff or incr; + number: of the repository"""
    return f"pgbackrest-backup@{instance(kind, number)}.service"


def timer_path(name: str) -> str:
    """Where a timer's file lies. + name: of the timer"""
    return f"/etc/systemd/system/{name}"


def scheduled(settings: PgbackrestSettings) -> list[tuple[Repository, str]]:
    """Which types of backups have a time, for each repository."""
    return [(one, kind) for one in repositories_of(settings) for kind in settings.pgbackrest_schedule]


def unscheduled_timers(settings: PgbackrestSettings) -> list[str]:
    """The timers that may be there from before, and for which no time or no repository is declared."""
    declared = {timer(kind, one.number) for one, kind in scheduled(settings)}
    possible = [timer(kind, number) for number in range(1, MOST + 1) for kind in TYPES]
    return [name for name in possible if name not in declared]
