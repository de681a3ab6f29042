"""The script that uses the endpoints, with a database that answers as it is told."""

from __future__ import annotations

import io
import json
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "facts" / "on_host" / "endpoints_try.py"


class Error(Exception):
    """psycopg2's."""

    pgcode = None


class ReadOnly(Error):
    """What a standby says to a write."""

    pgcode = "25006"


class Denied(Error):
    """What a member says to a role without the right."""

    pgcode = "42501"


class Database:
    """One connection. + refusal: of a write; + server: the address of the member"""

    def __init__(self, refusal: Error | None = None, server: str = "10.0.0.1") -> None:
        self.refusal, self.server, self.said = refusal, server, list[str]()

    def cursor(self) -> Database:
        return self

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, sql: str) -> None:
        self.said.append(sql)
        if sql.startswith("create") and self.refusal is not None:
            raise self.refusal

    def fetchone(self) -> tuple[bool, str, str]:
        return isinstance(self.refusal, ReadOnly), "17.6 (Debian 17.6-1)", self.server

    def rollback(self) -> None:
        self.said.append("rollback")

    def close(self) -> None:
        self.said.append("close")


def tried(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, connect: Callable[..., Database], *endpoints: dict[str, Any]
) -> list[dict[str, Any]]:
    module: Any = types.ModuleType("psycopg2")
    module.Error, module.connect = Error, connect
    monkeypatch.setitem(sys.modules, "psycopg2", module)
    asked = {"endpoints": endpoints, "connection": {"user": "admin", "sslmode": "verify-full"}, "wait": 0}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))
    exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), {"__name__": "on_host"})
    said: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return said


WRITER = {"address": "10.0.0.1", "port": 5000, "wants": "write", "primaries": ["10.0.0.1"], "standbys": []}
READER = {"address": "10.0.0.1", "port": 5001, "wants": "read", "primaries": [], "standbys": ["10.0.0.1", "10.0.0.2"]}


@pytest.mark.parametrize(
    ("refusal", "wrote", "refused"), [(None, True, False), (ReadOnly(), False, True), (Denied(), False, False)]
)
def test_a_write_goes_through_or_is_refused_and_is_never_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, refusal: Error | None, wrote: bool, refused: bool
) -> None:
    database = Database(refusal)
    (seen,) = tried(monkeypatch, capsys, lambda **_: database, READER)
    assert (seen["connected"], seen["wrote"], seen["refused"], seen["version"]) == (True, wrote, refused, "17.6")
    assert database.said[-2:] == ["rollback", "close"]


def test_what_does_not_connect_says_why_and_the_others_are_tried(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def connect(port: int, **_: Any) -> Database:
        if port == 5000:
            raise Error("certificate verify failed:\n  expired")
        return Database(ReadOnly())

    writer, reader = tried(monkeypatch, capsys, connect, WRITER, READER)
    assert (writer["connected"], writer["error"]) == (False, "certificate verify failed: expired")
    assert reader["refused"]


def members(*servers: Database) -> Callable[..., Database]:
    """Who answers a port, one after the other."""
    turns = iter(servers)
    return lambda **_: next(turns)


def test_every_member_behind_a_port_is_met_with_all_connections_held(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    both = Database(ReadOnly(), "10.0.0.1"), Database(ReadOnly(), "10.0.0.2")
    closed_before = [False]

    def connect(**_: Any) -> Database:
        closed_before[0] |= "close" in both[0].said
        return both[0] if not both[0].said else both[1]

    (seen,) = tried(monkeypatch, capsys, connect, {**READER, "times": 2})
    assert seen["server"] == "10.0.0.2" and closed_before == [False]
    assert [one.said[-1] for one in both] == ["close", "close"]


@pytest.mark.parametrize("misfit", [Database(ReadOnly(), "10.0.0.9"), Database(None, "10.0.0.2"), Database(Denied())])
def test_one_member_that_does_not_belong_there_is_what_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, misfit: Database
) -> None:
    connect = members(Database(ReadOnly(), "10.0.0.2"), misfit, Database(ReadOnly(), "10.0.0.1"))
    (seen,) = tried(monkeypatch, capsys, connect, {**READER, "times": 3})
    assert (seen["server"], seen["wrote"]) == (misfit.server, misfit.refusal is None)


def test_a_member_of_its_own_is_reached_by_its_loopback_under_its_address(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    ways: list[dict[str, Any]] = []

    def connect(**how: Any) -> Database:
        ways.append({name: how[name] for name in ("host", "hostaddr") if name in how})
        return Database()

    tried(
        monkeypatch,
        capsys,
        connect,
        {**WRITER, "by": {"hostaddr": "127.0.0.1"}},
        {**WRITER, "by": {"host": "/var/run/postgresql"}},
        WRITER,
    )
    expected = [{"host": "10.0.0.1", "hostaddr": "127.0.0.1"}, {"host": "/var/run/postgresql"}, {"host": "10.0.0.1"}]
    assert sorted(ways, key=str) == sorted(expected, key=str)


def test_a_virtual_address_is_tried_where_there_is_a_way_to_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def seen(address: str, condition: str) -> dict[str, Any]:
        endpoint = {**WRITER, "address": address, "port": port, "if": condition}
        return tried(monkeypatch, capsys, lambda **_: Database(), endpoint)[0]

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address, condition in (("127.0.0.1", "held"), ("127.0.0.1", "routed")):
            there = seen(address, condition)
            assert there["wrote"] and "left_out" not in there
        for address, condition in (("192.0.2.77", "held"), ("2001:db8::77", "held"), ("255.255.255.255", "routed")):
            there = seen(address, condition)
            assert there["left_out"] and not there["connected"]
    # It has the address, for somebody else put it there, and its PostgreSQL does not listen on it yet.
    assert seen("127.0.0.1", "held")["left_out"]
