"""
Clients that remember what they were told: of writes, each done once and never retried, and of reads.

Threads that hold real connections: never within pyinfra's process, where gevent has replaced both.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cluster.endpoints.probe import Attempt, Outcome, Value, Verdict, judge

TABLE = "probe"
CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE}"
    " (run uuid, writer int, sequence bigint, written timestamptz DEFAULT clock_timestamp())"
)
INSERT = f"INSERT INTO {TABLE} (run, writer, sequence) VALUES (%s, %s, %s)"
SELECT = f"SELECT writer, sequence FROM {TABLE} WHERE run = %s"

# A client that is content to wait for minutes would hide an outage.
IMPATIENT: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
STOP_SECONDS = 10


def connect(dsn: str, **parameters: Any) -> psycopg.Connection:
    """Connect as an impatient client does; what the DSN says itself counts more."""
    return psycopg.connect(make_conninfo(**(IMPATIENT | conninfo_to_dict(dsn))), **parameters)


def words_of(error: psycopg.Error) -> str:
    """An error on one line."""
    return " ".join(str(error).split())


class Client(threading.Thread, ABC):
    """Does one thing after the other over a connection of its own until it is told to stop; reconnects."""

    def __init__(self, name: str, dsn: str, interval_seconds: float, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._dsn, self._interval_seconds, self._stopping = dsn, interval_seconds, stop
        self._connection: psycopg.Connection | None = None

    def run(self) -> None:
        """Go on until told to stop, whatever happens."""
        while not self._stopping.is_set():
            self.attempt()
            self._stopping.wait(self._interval_seconds)
        self._disconnect()

    @abstractmethod
    def attempt(self) -> None:
        """The one thing."""

    def hang_up(self) -> None:
        """End a wait for a server that does not answer any more."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as own:
                own.shutdown(socket.SHUT_RDWR)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Writer(Client):
    """Writes value after value, each in a transaction; every value has an outcome."""

    def __init__(self, dsn: str, run: uuid.UUID, number: int, interval: float, stop: threading.Event) -> None:
        super().__init__(f"writer-{number}", dsn, interval, stop)
        self.attempts: list[Attempt] = []
        self._run, self._number = run, number
        self._commit_sent = self._doubted = False

    def attempt(self) -> None:
        """Write the next value, once."""
        value, started = (self._number, len(self.attempts)), time.monotonic()
        self._commit_sent = self._doubted = False
        reason = ""
        try:
            self._write(value)
            outcome = Outcome.UNKNOWN if self._doubted else Outcome.ACKNOWLEDGED
        except psycopg.Error as error:
            outcome = Outcome.UNKNOWN if self._commit_sent else Outcome.REFUSED
            reason = error.sqlstate or type(error).__name__
            self._disconnect()
        self.attempts.append(Attempt(value, outcome, started, time.monotonic(), reason))

    def _write(self, value: Value) -> None:
        if self._connection is None:
            self._connection = connect(self._dsn)
            self._connection.add_notice_handler(self._notice)
        self._connection.execute(INSERT, (self._run, *value))
        self._commit_sent = True
        self._connection.commit()

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        # A cancelled wait for a synchronous replica ends with COMMIT and a mere warning.
        if self._commit_sent and diagnostic.severity_nonlocalized == "WARNING":
            self._doubted = True


class Reader(Client):
    """Reads again and again. + answered: when an answer came"""

    def __init__(self, dsn: str, interval: float, stop: threading.Event) -> None:
        super().__init__("reader", dsn, interval, stop)
        self.answered: list[float] = []

    def attempt(self) -> None:
        """Read once."""
        try:
            if self._connection is None:
                self._connection = connect(self._dsn, autocommit=True)
            self._connection.execute("SELECT 1")
            self.answered.append(time.monotonic())
        except psycopg.Error:
            self._disconnect()


def stop_all(clients: Sequence[Client], stop: threading.Event) -> list[str]:
    """Stop the clients, and hang up where one waits for a server. Returns the names of those that wait on."""
    stop.set()
    deadline = time.monotonic() + STOP_SECONDS
    for client in clients:
        client.join(max(0.0, deadline - time.monotonic()))
    for client in clients:
        client.hang_up()
        client.join(STOP_SECONDS)
    return [client.name for client in clients if client.is_alive()]


def verdict(dsn: str, run: uuid.UUID, attempts: list[Attempt]) -> Verdict:
    """Read the table, and judge."""
    with connect(dsn) as connection:
        rows = connection.execute(SELECT, (run,)).fetchall()
    return judge(attempts, [(writer, sequence) for writer, sequence in rows])
