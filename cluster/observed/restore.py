"""The shape of what a member says of a restore."""

from __future__ import annotations

from typing import Any, TypedDict


class SeenRestore(TypedDict):
    """
    A restore as one member knows it.

    + order: what is to be restored, from the moment its Patroni is stopped for it until the member is back; else None
    + begun: whether the data of this member were touched for it
    + result: ``{timeline, lsn, time}`` at which the restored data ended; None until they are complete
    + running, failed: of the unit that restores; + error: its last words when it failed; + progress: when it runs
    + patroni: what systemd says of Patroni's unit
    + now: seconds since the epoch there
    + tablespaces: the directories that this member's data have outside the data directory
    + room_mib: what the data directory may take: what it holds and what is free
    """

    order: dict[str, Any] | None
    begun: bool
    result: dict[str, Any] | None
    running: bool
    failed: bool
    error: str
    progress: str
    patroni: str
    now: int
    room_mib: int
    tablespaces: list[str]
