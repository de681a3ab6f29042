"""A new connection to a server that answers, refuses, or says nothing; never the one that is open already."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHConnector

from operations.util import fresh_connection
from operations.util.fresh_connection import refused_anew


class Target:
    """A host that this run is connected to."""

    def __init__(self, connector: object) -> None:
        self.connector = connector


class Server(SSHConnector):
    """A server with an answer. Every connector that is made of it is noted."""

    answer: Any = None
    made: list[Server] = []

    def __init__(self, state: Any = None, host: Any = None) -> None:
        self.closed = False
        self.made.append(self)

    def connect(self) -> None:
        self.client = self  # type: ignore[assignment]
        if self.answer is not None:
            self.answer()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    Server.made, Server.answer = [], None
    monkeypatch.setattr(fresh_connection, "SSHConnector", Server)
    return Server


def test_one_that_answers_is_reached_over_a_connection_of_its_own(server: type[Server]) -> None:
    assert refused_anew(Target(server()), 5) is None  # type: ignore[arg-type]
    first, fresh = server.made
    assert fresh.closed and not first.closed


def test_one_that_refuses_says_why(server: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Server) -> None:
        raise ConnectError("Connection refused")

    monkeypatch.setattr(server, "answer", property(lambda self: lambda: refuse(self)))
    assert refused_anew(Target(server()), 5) == "Connection refused"  # type: ignore[arg-type]


def test_one_that_says_nothing_is_given_up(server: type[Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "answer", property(lambda self: lambda: gevent.sleep(60)))
    assert refused_anew(Target(server()), 1) == "no answer in 1 seconds"  # type: ignore[arg-type]


def test_who_does_not_come_by_ssh_cannot_lose_it() -> None:
    assert refused_anew(Target(object()), 5) is None  # type: ignore[arg-type]
