"""The shape of what is asked when a standby cluster is compared with its source."""

from __future__ import annotations

from typing import TypedDict


class SeenEnd(TypedDict):
    """
    How far a member's WAL goes.

    + position: written or replayed, in bytes; + checkpoint: of the control file
    + patroni: its unit is not down; it would start PostgreSQL
    """

    runs: bool
    position: int | None
    replayed_at: str
    patroni: bool
    state: str
    checkpoint: int | None
