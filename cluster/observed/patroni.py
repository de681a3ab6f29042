"""What Patroni says of the cluster: its members, its leader, its history."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenMember(TypedDict):
    """A member as Patroni lists it. + running: PostgreSQL is up; + pending_reason: setting to old and new value"""

    role: str
    synchronous: bool
    state: str
    running: bool
    streaming: bool
    timeline: int | None
    lag_mib: int | None
    pending_restart: bool
    pending_reason: dict[str, Any]
    tags: dict[str, Any]
    scheduled_restart: bool
    host: str
    port: int
    api_url: str


class SeenPatroni(TypedDict):
    """
    The cluster as one member's Patroni sees it.

    + answers: false when Patroni does not answer here, which says nothing about the cluster; error says why
    + settled: every expected member runs, and every standby streams on the leader's timeline
    """

    answers: bool
    error: str
    version: str
    leader: str | None
    members: dict[str, SeenMember]
    config: dict[str, Any] | None
    paused: bool
    scheduled_switchover: dict[str, Any] | None
    settled: bool


class SeenTurn(TypedDict):
    """A timeline that ended, and where and why. + lsn: bytes; + at, leader: of what came next, empty if unknown"""

    timeline: int
    lsn: int
    reason: str
    at: str
    leader: str
