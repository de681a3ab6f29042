"""What the clients of a probe make of an answer, and of none."""

import threading
import uuid

import psycopg
import pytest

from cluster.endpoints.probe import Outcome
from operations.util.on_control import probe_clients
from operations.util.on_control.probe_clients import Reader, Writer

ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome


class Diagnostic:
    """What a server says beside its answer. + severity: in its language, and in none"""

    def __init__(self, severity):
        self.severity, self.severity_nonlocalized = "WARNUNG", severity


class Connection:
    """
    Stands for psycopg's, and fails where it is told to.

    + notices: the severity of what the server says at a step, once
    """

    def __init__(self, failures, notices=()):
        self._failures, self._notices, self._handlers = failures, dict(notices), []

    def execute(self, *_):
        self._fail_at("insert")

    def commit(self):
        self._fail_at("commit")

    def add_notice_handler(self, handler):
        self._fail_at("connect")
        self._handlers.append(handler)

    def close(self):
        pass

    def _fail_at(self, step):
        if severity := self._notices.pop(step, None):
            for handler in self._handlers:
                handler(Diagnostic(severity))
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


@pytest.mark.parametrize(
    ("notices", "outcome"),
    [
        # "canceling wait for synchronous replication due to user request": committed here, and perhaps nowhere else.
        ({"commit": "WARNING"}, UNKNOWN),
        ({"commit": "NOTICE"}, ACKNOWLEDGED),
        ({"insert": "WARNING"}, ACKNOWLEDGED),
    ],
)
def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_no_acknowledged_one(monkeypatch, notices, outcome):
    monkeypatch.setattr(probe_clients, "connect", lambda dsn: Connection({}, notices))
    writer = Writer("", uuid.uuid4(), 0, 0.0, threading.Event())
    for _ in range(2):
        writer.attempt()
    assert [one.outcome for one in writer.attempts] == [outcome, ACKNOWLEDGED], "the doubt is of that one alone"


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
