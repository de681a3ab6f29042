"""What hosts say of etcd: its members, its snapshots, and what is left of one that is lost."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenSnapshot(TypedDict):
    """A snapshot of etcd. + at: seconds since the epoch; + revision: etcd's, which grows with every write"""

    path: str
    at: int
    revision: int


class SeenSnapshots(TypedDict):
    """The snapshots on a host. + newest: None where there is none; + now: seconds since the epoch there"""

    newest: SeenSnapshot | None
    count: int
    now: int


class SeenEtcdRecovery(TypedDict):
    """
    What one host has of etcd.

    + active: whether etcd runs; + quorum: whether it answers what takes the quorum
    + data: whether a data directory with etcd's files is in its place
    + kept: databases of data directories, in their place or put aside, as far as they can be read
    + snapshots: the newest ones that are sound; + damaged: paths of those that are not
    + order: the note of a rebuilding that was begun
    + now: seconds since the epoch there
    """

    active: bool
    quorum: bool
    data: bool
    kept: list[SeenSnapshot]
    snapshots: list[SeenSnapshot]
    damaged: list[str]
    order: dict[str, Any] | None
    now: int


class SeenEtcdMember(TypedDict):
    """A member as etcd lists it. + started: false for one that was added and never came"""

    id: str
    name: str
    peer_urls: list[str]
    learner: bool
    started: bool


class SeenEtcd(TypedDict):
    """etcd as one client sees it; None stands for "it did not say". + unhealthy: endpoint to reason"""

    unhealthy: dict[str, str]
    members: list[SeenEtcdMember] | None
    alarms: list[str] | None
    keys: dict[str, str] | None
    errors: dict[str, str]


class SeenEtcdStatus(TypedDict):
    """What one member of etcd says of itself. + errors: its own words, e.g. an alarm"""

    id: str
    version: str
    leads: bool
    learner: bool
    database_mib: int
    raft_index: int
    errors: list[str]
