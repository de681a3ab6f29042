"""What PgBouncer says of itself, read on the console of each of its processes as its own user."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from cluster.components.pgbouncer.component import POOLS, console
from facts.answer import ASK, Answer, answers

# The user and database of the console itself.
CONSOLE = "pgbouncer"


class PgbouncerFiles(Answer[list[str]]):
    """The names of the processes for which a host has files of ours, whether they are declared or not."""

    def command(self) -> str:
        """Silence where there are none."""
        return f"ls {POOLS} 2>/dev/null || true"

    def parsed(self, output: list[str]) -> list[str]:
        """One file a line; a process has two."""
        return sorted({line.split(".")[0] for line in output if line.endswith(".ini")})

    @staticmethod
    def default() -> list[str]:
        """There are no files."""
        return []


class PgbouncerProcesses(Answer[dict[str, dict[str, Any]]]):
    """
    Every process of a host by name: ``{error, paused, databases, clients, waiting, servers, maxwait, settings}``.

    ``error`` is why it did not answer, and then there is nothing else: a process that cannot be asked is not one that
    is not paused. ``paused`` is ``all``, ``some`` (of its databases) or ``none``.

    + ports: of the processes, by name
    """

    def command(self, ports: Mapping[str, int]) -> str:
        """One session with each, one after the other; one that hangs costs five seconds."""
        asked = {name: console(name, port, *_ASKED, shape="--csv") for name, port in ports.items()}
        return "\n".join([ASK, *(f"ask {name} sh -c {quote(command)}" for name, command in asked.items()), ""])

    def parsed(self, output: list[str]) -> dict[str, dict[str, Any]]:
        """One answer for each process."""
        return {name: _process(code, text) for name, (code, text) in answers(output, ()).items()}

    @staticmethod
    def default() -> dict[str, dict[str, Any]]:
        """No process was asked for."""
        return {}


class PgbouncerStats(Answer[dict[str, dict[str, int]]]):
    """
    What a process has done since its start: ``{database: {transactions, queries, wait_us, received, sent}}``, bytes as
    seen by PgBouncer. Two answers tell how much it does in between.

    + process: its name; + port: on which it listens
    """

    def command(self, process: str, port: int) -> str:
        """One question. A process that does not answer is an error, and never one that has done nothing."""
        return console(process, port, "SHOW STATS", shape="--csv")

    def parsed(self, output: list[str]) -> dict[str, dict[str, int]]:
        """A row for each database but the console's own."""
        rows = [row for row in _rows("\n".join(output)) if row["database"] != CONSOLE]
        return {row["database"]: {name: int(row[column]) for name, column in _COUNTED.items()} for row in rows}


_COUNTED = {
    "transactions": "total_xact_count",
    "queries": "total_query_count",
    "wait_us": "total_wait_time",
    "received": "total_received",
    "sent": "total_sent",
}


# In one session, each answer behind a line that is no row of one.
_BETWEEN = "--"
_ASKED = [
    words for shown in ("STATE", "DATABASES", "POOLS", "CONFIG") for words in (rf"\echo {_BETWEEN}", f"SHOW {shown}")
]


def _process(code: int, text: str) -> dict[str, Any]:
    if code != 0:
        return {"error": text.strip() or "no answer within 5 s"}
    state, databases, pools, config = (_rows(part) for part in f"\n{text}".split(f"\n{_BETWEEN}\n")[1:])
    served = [one for one in databases if one["name"] != CONSOLE]
    used = [one for one in pools if one["database"] != CONSOLE]
    return {
        "error": "",
        "paused": _paused({row["key"]: row["value"] for row in state}, served),
        "databases": {one["name"]: _database(one) for one in served},
        "clients": sum(int(one["cl_active"]) + int(one["cl_waiting"]) for one in used),
        "waiting": sum(int(one["cl_waiting"]) for one in used),
        "servers": sum(int(one["current_connections"]) for one in served),
        "maxwait": max((int(one["maxwait"]) for one in used), default=0),
        "settings": {row["key"]: row["value"] for row in config},
    }


def _paused(state: Mapping[str, str], databases: Sequence[Mapping[str, str]]) -> str:
    if "paused" not in state:
        raise FactProcessError("PgBouncer's SHOW STATE does not say whether it is paused")
    if state["paused"] == "yes":
        return "all"
    return "some" if any(one["paused"] != "0" for one in databases) else "none"


def _database(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "servers": int(row["current_connections"]),
        "paused": row["paused"] != "0",
        "disabled": row["disabled"] != "0",
    }


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))
