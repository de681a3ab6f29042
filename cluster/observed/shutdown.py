"""The shape of what a member says of itself when a whole cluster is stopped, started or destroyed."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenPower(TypedDict):
    """
    One member, readable also while nothing runs on it.

    + patroni, enabled: what systemd says of its unit, ``active`` and ``enabled``; + held: its process is suspended
    + restoring: a restore of this member was begun and is not over
    + data: ``there``, ``empty`` or ``absent``
    + server: a PostgreSQL runs on the data; + in_recovery: None when it does not answer
    + received, replayed: of a standby, in bytes
    + control: ``{identifier, state, timeline, checkpoint, recovered}`` of pg_controldata; None when it cannot be read
    + turns: where the data left their earlier timelines, in bytes
    + end: up to where there is WAL on disk, in bytes, at the least; 0 while PostgreSQL runs
    """

    patroni: str
    enabled: str
    held: bool
    restoring: bool
    data: str
    server: bool
    in_recovery: bool | None
    received: int | None
    replayed: int | None
    control: dict[str, Any] | None
    end: int
    turns: dict[int, int]
