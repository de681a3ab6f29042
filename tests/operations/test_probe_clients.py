"""What the clients of a probe make of an answer, and of none."""

import threading
import uuid

import psycopg
import pytest

from cluster.probe import Outcome
from operations.util.on_control import probe_clients
from operations.util.on_control.probe_clients import Reader, Writer

ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome


class Connection:
    """Stands for psycopg's, and fails where it is told to."""

    def __init__(self, failures):
        self._failures = failures

    def execute(self, *_):
        self._fail_at("insert")

    def commit(self):
        self._fail_at("commit")

    def add_notice_handler(self, handler):
        self._fail_at("connect")

    def close(self):
        pass

    def _fail_at(self, step):
        if step in self._failures:
            raise self._failures[step]


@pytest.mark.parametrize(
    ("failures", "outcome", "reason"),
    [
        ({}, ACKNOWLEDGED, ""),
        ({"connect": psycopg.OperationalError()}, REFUSED, "OperationalError"),
        ({"insert": psycopg.errors.ReadOnlySqlTransaction()}, REFUSED, "25006"),
        ({"commit": psycopg.OperationalError()}, UNKNOWN, "OperationalError"),
        # The server may have committed before it was told to shut down.
        ({"commit": psycopg.errors.AdminShutdown()}, UNKNOWN, "57P01"),
    ],
)
def test_outcome_depends_on_whether_commit_was_sent(monkeypatch, failures, outcome, reason):
    monkeypatch.setattr(probe_clients, "connect", lambda dsn: Connection(failures))
    writer = Writer("", uuid.uuid4(), 0, 0.0, threading.Event())
    writer.attempt()
    assert [(one.value, one.outcome, one.reason) for one in writer.attempts] == [((0, 0), outcome, reason)]


def test_no_value_is_written_twice(monkeypatch):
    failures = {"insert": psycopg.OperationalError()}
    monkeypatch.setattr(probe_clients, "connect", lambda dsn: Connection(failures))
    writer = Writer("", uuid.uuid4(), 3, 0.0, threading.Event())
    writer.attempt()
    failures.clear()
    writer.attempt()
    assert [(one.value, one.outcome) for one in writer.attempts] == [((3, 0), REFUSED), ((3, 1), ACKNOWLEDGED)]


def test_only_an_answer_counts_as_a_read(monkeypatch):
    failures = {"insert": psycopg.OperationalError()}
    monkeypatch.setattr(probe_clients, "connect", lambda dsn, autocommit: Connection(failures))
    reader = Reader("", 0.0, threading.Event())
    reader.attempt()
    assert reader.answered == []
    failures.clear()
    reader.attempt()
    assert len(reader.answered) == 1
