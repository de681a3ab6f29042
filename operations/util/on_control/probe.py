"""
Runs on the control machine as a process of its own: writes and reads as the cluster's clients do until its standard
input ends, which it also does when the run was killed; then looks for what was acknowledged, and takes its traces away.

stdin: the line that ``cluster.probe_question`` makes. stdout: a line of JSON when the measurement begins, or with the
obstacle that is in its way, and one at the end: a ``Measured`` and a ``Timeline``.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo

from cluster.endpoints.probe import DATABASE, Attempt, Measured, acknowledgements, longest_gap, report
from cluster.endpoints.probe_timeline import Timeline, timeline
from operations.util.on_control.probe_clients import CREATE, Client, Reader, Writer, connect, stop_all, verdict
from operations.util.on_control.probe_members import seen_spans, watched

WRITERS = 2
INTERVAL_SECONDS = 0.02
READY_WRITES = 20
READY_SECONDS = 15
AFTER_SECONDS = 1  # what is felt a moment after the last step is that step's doing
PRIMARY_SECONDS = 30
AGAIN_SECONDS = 0.5
STATEMENT_SECONDS = 30  # dropping a database awaits a checkpoint
# A server that hangs does not keep a probe alive whose run has gone.
BEGIN_SECONDS = 60
END_SECONDS = 120
REACH_SECONDS = 2

Way: TypeAlias = Mapping[str, Any]  # libpq's parameters


class Probe:
    """The measurement, from a database of its own to the verdict. + seen: what it saw, at its end"""

    def __init__(
        self, write: Sequence[Way], read: Sequence[Way], patroni: Sequence[Way] = (), authority: str = ""
    ) -> None:
        self._run, self._stop = uuid.uuid4(), threading.Event()
        way = first_reached(write)
        self._through = through(write, way)
        self._beside = make_conninfo(**way)
        self._dsn = make_conninfo(**{**way, "dbname": DATABASE})
        self._writers = [Writer(self._dsn, self._run, n, INTERVAL_SECONDS, self._stop) for n in range(WRITERS)]
        readers = [make_conninfo(**first_reached(read))] if read else []
        self._readers = [Reader(dsn, INTERVAL_SECONDS, self._stop) for dsn in readers]
        self._members = watched(patroni, authority, self._stop)
        self._began, self.seen = 0.0, Timeline(0.0, 0.0, 0.0, {}, {})

    def begin(self) -> str:
        """Write until it is clear that writes are acknowledged. Returns what is in the way, or nothing."""
        try:
            # What a killed probe left is dropped. The database of one that still writes cannot be.
            self._execute(f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE} TEMPLATE template0")
            with connect(self._dsn) as connection:
                connection.execute(CREATE)
        except psycopg.errors.ObjectInUse:
            return "another probe is under way"
        except psycopg.Error as error:
            return words_of(error)
        for client in (*self._clients, *self._members):
            client.start()
        return self._obstacle_of_first_writes()

    def _obstacle_of_first_writes(self) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if len(acknowledgements(self._attempts)) >= READY_WRITES:
                self._began = time.monotonic()
                return ""
            time.sleep(INTERVAL_SECONDS)
        stop_all(self._clients, self._stop)
        self._dropped()
        failures = ", ".join({one.reason for one in self._attempts if one.reason})
        return f"fewer than {READY_WRITES} writes were acknowledged within {READY_SECONDS} s ({failures or 'slow'})"

    def end(self) -> Measured:
        """Stop, look for what was written, and take the database away."""
        ended = time.monotonic()
        stuck = stop_all(self._clients, self._stop)
        attempts = self._attempts
        seen = report(attempts, self._began, ended)
        reads = [longest_gap(reader.answered, self._began, ended) for reader in self._readers]
        self.seen = self._timeline(attempts, ended)
        return Measured(
            acknowledged=seen.acknowledged,
            refused=seen.refused,
            unknown=seen.unknown,
            writes_gap_seconds=seen.longest_gap_seconds,
            reads_gap_seconds=max(reads, default=None),
            through=self._through,
            **self._judged(attempts),
            left=self._dropped() if not stuck else f"{', '.join(stuck)} waits for the server",
        )

    def _timeline(self, attempts: Sequence[Attempt], ended: float) -> Timeline:
        at = time.time() - (time.monotonic() - self._began)
        found = timeline(at, self._began, ended, attempts, [list(reader.answered) for reader in self._readers])
        found.members = seen_spans(self._members, self._began, found.seconds)
        return found

    def _judged(self, attempts: list[Attempt]) -> dict[str, Any]:
        deadline = time.monotonic() + PRIMARY_SECONDS
        while True:
            try:
                seen = verdict(self._dsn, self._run, attempts)
                return {name: len(getattr(seen, name)) for name in ("lost", "duplicated", "resurrected")}
            except psycopg.Error as error:
                if time.monotonic() >= deadline:
                    return {"unjudged": words_of(error)}
            time.sleep(AGAIN_SECONDS)

    def _dropped(self) -> str:
        try:
            self._execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        except psycopg.Error as error:
            return words_of(error)
        return ""

    def _execute(self, *statements: str) -> None:
        """Statements that take no transaction, beside the database that they are about."""
        with connect(self._beside, autocommit=True) as connection:
            for statement in (f"SET statement_timeout = '{STATEMENT_SECONDS}s'", *statements):
                connection.execute(statement.encode())

    @property
    def _clients(self) -> list[Client]:
        return [*self._writers, *self._readers]

    @property
    def _attempts(self) -> list[Attempt]:
        return [attempt for writer in self._writers for attempt in writer.attempts]


def first_reached(ways: Sequence[Way]) -> Way:
    """The first way in which somebody takes a connection, else the last. + ways: libpq's parameters"""
    return next((way for way in ways[:-1] if is_reached(way)), ways[-1])


def is_reached(way: Way) -> bool:
    """Whether somebody takes a connection at one of a way's endpoints."""
    for host, port in zip(way["host"].split(","), way["port"].split(","), strict=True):
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=REACH_SECONDS):
            return True
    return False


def through(ways: Sequence[Way], taken: Way) -> str:
    """What a reader of the verdict has to know of the way that was taken; "": there was only one."""
    if len(ways) == 1:
        return ""
    if taken is ways[0]:
        return f"measured at the virtual address {taken['host'].replace(',', ' or ')}"
    return "measured at the hosts themselves: no virtual address is reached from here"


def words_of(error: psycopg.Error) -> str:
    """An error on one line."""
    return " ".join(str(error).split())


def say(what: dict[str, Any]) -> None:
    """Tell the run, unless it has gone."""
    with suppress(BrokenPipeError):
        print(json.dumps(what), flush=True)


def main() -> None:
    """Begin, measure while the run goes on, end."""
    signal.alarm(BEGIN_SECONDS)
    probe = Probe(**json.loads(sys.stdin.readline()))
    obstacle = probe.begin()
    say({"obstacle": obstacle})
    if obstacle:
        return
    signal.alarm(0)
    sys.stdin.read()
    signal.alarm(END_SECONDS)
    time.sleep(AFTER_SECONDS)
    found = probe.end()
    say({"measured": asdict(found), "timeline": asdict(probe.seen)})


if __name__ == "__main__":
    main()
