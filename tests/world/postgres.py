"""What PostgreSQL and its control file say on a host, see the facts ``PostgresState`` and ``MemberPower``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.world.answers import lines

NO_SERVER = ("no server", 2)
SETTINGS = {
    "max_connections": 100,
    "max_worker_processes": 100,
    "max_wal_senders": 10,
    "max_prepared_xacts": 100,
    "max_locks_per_xact": 100,
}


def control(
    state: str = "in production",
    *,
    identifier: object = 76,
    timeline: int = 3,
    settings: Mapping[str, int] = SETTINGS,
    further: Mapping[str, str] | None = None,
) -> str:
    """
    The text of pg_controldata.

    + settings: by their names there; + further: other lines, by their names
    """
    said = {
        "Database system identifier": identifier,
        "Database cluster state": state,
        "Latest checkpoint's TimeLineID": timeline,
        **(further or {}),
        **{f"{name} setting": value for name, value in settings.items()},
    }
    return "".join(f"{f'{name}:':<38}{value}\n" for name, value in said.items())


def postgres(state: Mapping[str, Any] | None, control_file: str | tuple[str, int]) -> list[str]:
    """A member's PostgreSQL. + state: as ``postgres_state`` makes it; None: it does not run"""
    told = {name: value for name, value in (state or {}).items() if name not in ("answers", "error", "control")}
    return lines({"sql": json.dumps(told) if state is not None else NO_SERVER, "control": control_file})
