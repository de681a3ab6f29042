"""What PostgreSQL and its control file say on a host, see the facts ``PostgresState`` and ``MemberData``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cluster.measures import lsn_text
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


def member_data(
    sql: Mapping[str, Any] | None,
    control_file: str | None,
    *,
    patroni: bool,
    enabled: str = "enabled",
    runs: bool | None = None,
    held: bool = False,
    restoring: bool = False,
    turns: str = "",
    wal: str = "",
) -> list[str]:
    """
    One member's data and what runs on them.

    + sql: what PostgreSQL says of its positions; None: it does not answer; + runs: its process; None: as it answers
    + control_file: None: there are no data; + patroni, enabled: its unit
    + turns: the newest history file; + wal: what ``wal_text`` makes, of one that is down
    """
    return lines(
        {
            "unit": f"ActiveState={'active' if patroni else 'inactive'}\nUnitFileState={enabled}",
            "held": ("", 0 if held else 1),
            "restoring": ("", 0 if restoring else 2),
            "data": "empty" if control_file is None else "there",
            "runs": ("", 0 if (sql is not None if runs is None else runs) else 1),
            "sql": NO_SERVER if sql is None else json.dumps(sql),
            "control": ("", 1) if control_file is None else control_file,
            "turns": turns,
            "wal": wal,
        }
    )


def wal_text(timeline: int, end: int) -> str:
    """What is said of the WAL of a member that is down."""
    error = f"error in WAL record at 0/28: invalid record length at {lsn_text(end)}: expected at least 24, got 0"
    return f"{timeline} 0/28\npg_waldump: error: {error}"


def ends_at(end: str) -> dict[str, str]:
    """The lines of pg_controldata that say how far it goes. + end: an LSN"""
    places = ("Latest checkpoint location", "Latest checkpoint's REDO location")
    return {**dict.fromkeys(places, end), "Minimum recovery ending location": "0/0"}
