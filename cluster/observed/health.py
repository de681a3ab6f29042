"""Signs of trouble that no step of a run has to know."""

from __future__ import annotations

from typing import TypedDict


class SeenDatabase(TypedDict):
    """One database. + sequences: name and ``percent`` of those near their end; + invalid: indexes"""

    database: str
    sequences: list[dict[str, float]]
    invalid: list[str]


class SeenPostgresHealth(TypedDict):
    """
    A PostgreSQL.

    + ages: by database the ``transactions`` and ``multixacts`` since all of it was last frozen
    + checksum_failures: by database the ``count`` of pages, and ``seconds`` since the last one
    + databases: of a primary
    """

    standby: bool
    freeze_max_age: int
    multixact_freeze_max_age: int
    ages: dict[str, dict[str, int]]
    checksum_failures: dict[str, dict[str, float]]
    databases: list[SeenDatabase]


class SeenPatroniHealth(TypedDict):
    """A member's Patroni. + unseen_seconds: since it last had an answer of etcd; + turns: when
    leaders were elected that no run of ours meant to be"""

    failsafe: bool
    unseen_seconds: float | None
    turns: list[str]


class SeenEtcdHealth(TypedDict):
    """An etcd in the last hour. + slow: writes to its disk that took more than a second; + elections: of a leader"""

    slow: int
    elections: int


class SeenHostHealth(TypedDict):
    """
    A host.

    + inodes: by directory of ours how much of them is in use, in percent; None where the file system counts none
    + read_only: of these directories those that cannot be written to
    + killed: units of which a process was killed for lack of memory in the last day
    """

    inodes: dict[str, int | None]
    read_only: list[str]
    killed: list[str]
