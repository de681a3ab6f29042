"""The shape of what a member says of its data when a whole cluster is stopped, started, destroyed or promoted."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenData(TypedDict):
    """
    One member, readable also while nothing runs on it.

    + patroni, enabled: what systemd says of its unit, ``active`` and ``enabled``; + held: its process is suspended
    + restoring: a restore of this member was begun and is not over
    + data: ``there``, ``empty``, ``absent`` or ``unreadable``
    + server: a PostgreSQL runs on the data; + in_recovery: None when it does not answer
    + written: by a primary that runs; + received, replayed: by a standby that runs; in bytes
    + replayed_at: time of the last transaction that a standby has replayed, in words; empty where there is none
    + control: ``{identifier, state, timeline, checkpoint, recovered}`` of pg_controldata; None when it cannot be read
    + turns: where the data left their earlier timelines, in bytes
    + timeline, end: of the last record of WAL on disk that is whole, in bytes; 0 while PostgreSQL runs
    + whole: the WAL was read to its end; else there may be more than ``end``
    """

    patroni: str
    enabled: str
    held: bool
    restoring: bool
    data: str
    server: bool
    in_recovery: bool | None
    written: int | None
    received: int | None
    replayed: int | None
    replayed_at: str
    control: dict[str, Any] | None
    turns: dict[int, int]
    timeline: int
    end: int
    whole: bool
