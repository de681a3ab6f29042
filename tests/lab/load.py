"""
A load of writes that remembers what it was promised, to find out what a failure cost.

Every value is written once, never retried: a value that was acknowledged must be there
exactly once, a refused one must not, and of an unknown one nothing can be said.
"""

import os
import socket
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.lab.errors import LabError

TABLE = "lab_load"
CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE}"
    " (run uuid, writer int, sequence bigint, written timestamptz DEFAULT clock_timestamp())"
)
INSERT = f"INSERT INTO {TABLE} (run, writer, sequence) VALUES (%s, %s, %s)"
SELECT = f"SELECT writer, sequence FROM {TABLE} WHERE run = %s"

# A client that is content to wait for minutes would hide an outage.
CONNECTION: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "application_name": TABLE,
}
STOP_SECONDS = 10

Value = tuple[int, int]  # writer, sequence


class Outcome(StrEnum):
    """What the writer knows of a value when its attempt is over."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # it failed before COMMIT was sent
    UNKNOWN = "unknown"  # it failed after that


@dataclass(frozen=True)
class Attempt:
    """One value and what became of it; times are of the monotonic clock."""

    value: Value
    outcome: Outcome
    started: float
    ended: float
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What the writers saw."""

    acknowledged: int
    refused: int
    unknown: int
    longest_gap_seconds: float
    reasons: dict[str, int]


@dataclass(frozen=True)
class Verdict:
    """What the table says about it."""

    lost: frozenset[Value]  # acknowledged, yet absent
    duplicated: frozenset[Value]
    resurrected: frozenset[Value]  # refused, yet there

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicated or self.resurrected)


def connect(dsn: str) -> psycopg.Connection:
    """Connect as an impatient client does; what the DSN says itself counts more."""
    return psycopg.connect(make_conninfo(**(CONNECTION | conninfo_to_dict(dsn))))


def report(attempts: list[Attempt], started: float, ended: float) -> Report:
    """Count the outcomes and find the longest time without an acknowledged write."""
    counts = Counter(attempt.outcome for attempt in attempts)
    return Report(
        acknowledged=counts[Outcome.ACKNOWLEDGED],
        refused=counts[Outcome.REFUSED],
        unknown=counts[Outcome.UNKNOWN],
        longest_gap_seconds=longest_gap(attempts, started, ended),
        reasons=dict(Counter(attempt.reason for attempt in attempts if attempt.reason)),
    )


def longest_gap(attempts: list[Attempt], started: float, ended: float) -> float:
    """Return the longest time without an acknowledgement; start and end count as one."""
    acknowledged = (one.ended for one in attempts if one.outcome is Outcome.ACKNOWLEDGED)
    moments = sorted([started, *acknowledged, ended])
    return max(after - before for before, after in pairwise(moments))


def judge(attempts: list[Attempt], rows: list[Value]) -> Verdict:
    """Compare what was promised with what is there."""
    there = Counter(rows)
    values = {outcome: {attempt.value for attempt in attempts if attempt.outcome is outcome} for outcome in Outcome}
    return Verdict(
        lost=frozenset(values[Outcome.ACKNOWLEDGED] - there.keys()),
        duplicated=frozenset(value for value, times in there.items() if times > 1),
        resurrected=frozenset(values[Outcome.REFUSED] & there.keys()),
    )


class Writer(threading.Thread):
    """One client: it writes value after value, each in a transaction, and reconnects."""

    def __init__(self, dsn: str, run: uuid.UUID, number: int, interval: float, stop: threading.Event) -> None:
        super().__init__(name=f"{TABLE}-{number}", daemon=True)
        self.attempts: list[Attempt] = []
        self._dsn, self._run, self._number = dsn, run, number
        self._interval_seconds, self._stopping = interval, stop
        self._connection: psycopg.Connection | None = None
        self._commit_sent = self._doubted = False

    def run(self) -> None:
        """Write until told to stop; every value has an outcome, whatever happens."""
        sequence = 0
        while not self._stopping.is_set():
            self._attempt((self._number, sequence))
            sequence += 1
            self._stopping.wait(self._interval_seconds)
        self._disconnect()

    def hang_up(self) -> None:
        """End a wait for a server that does not answer any more."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with socket.socket(fileno=os.dup(connection.fileno())) as own:
                own.shutdown(socket.SHUT_RDWR)

    def _attempt(self, value: Value) -> None:
        started = time.monotonic()
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

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Load:
    """
    Writers that run from ``with`` on until its end.

    + dsn: how clients connect; ``verdict`` may be given another one
    + interval_seconds: pause of a writer between two values
    """

    def __init__(self, dsn: str, *, writers: int = 4, interval_seconds: float = 0.02) -> None:
        self.run = uuid.uuid4()
        self._dsn = dsn
        self._stop = threading.Event()
        self._started = self._ended = 0.0
        self._writers = [Writer(dsn, self.run, number, interval_seconds, self._stop) for number in range(writers)]

    def __enter__(self) -> Self:
        with connect(self._dsn) as connection:
            connection.execute(CREATE)
        self._started = time.monotonic()
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._ended = time.monotonic()
        deadline = self._ended + STOP_SECONDS
        for writer in self._writers:
            writer.join(max(0.0, deadline - time.monotonic()))
        for writer in self._writers:
            writer.hang_up()
            writer.join(STOP_SECONDS)
        if stuck := [writer.name for writer in self._writers if writer.is_alive()]:
            raise LabError(f"{', '.join(stuck)}: still waits for the server")

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for writer in self._writers for attempt in writer.attempts]

    def report(self) -> Report:
        """Return what the writers saw; may be asked while they run."""
        return report(self.attempts, self._started, self._ended or time.monotonic())

    def verdict(self, dsn: str | None = None) -> Verdict:
        """Read the table, and judge."""
        with connect(dsn or self._dsn) as connection:
            rows = connection.execute(SELECT, (self.run,)).fetchall()
        return judge(self.attempts, [(writer, sequence) for writer, sequence in rows])
