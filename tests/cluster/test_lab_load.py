"""What the load generator makes of its attempts."""

import threading
import uuid

import psycopg
import pytest

from tests.lab import load
from tests.lab.load import Attempt, Outcome, Writer, judge, longest_gap, report

ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome


def attempt(sequence, outcome=ACKNOWLEDGED, ended=0.0, reason=""):
    return Attempt((0, sequence), outcome, ended, ended, reason)


def test_counts_outcomes_and_reasons():
    attempts = [attempt(0), attempt(1, REFUSED, reason="25006"), attempt(2, UNKNOWN, reason="57P01")]
    said = report(attempts, 0.0, 1.0)
    assert (said.acknowledged, said.refused, said.unknown) == (1, 1, 1)
    assert said.reasons == {"25006": 1, "57P01": 1}


@pytest.mark.parametrize(
    ("ended", "gap"),
    [
        ([], 10.0),
        ([1.0, 2.0, 9.0], 7.0),
        ([9.0, 1.0, 2.0], 7.0),
        ([4.0], 6.0),
        ([8.0, 9.0], 8.0),
    ],
)
def test_longest_gap_counts_the_start_and_the_end(ended, gap):
    assert longest_gap([attempt(0, ended=moment) for moment in ended], 0.0, 10.0) == gap


def test_only_acknowledged_writes_end_a_gap():
    assert longest_gap([attempt(0, REFUSED, 5.0), attempt(1, UNKNOWN, 5.0)], 0.0, 10.0) == 10.0


def test_verdict_is_clean_when_promises_were_kept_and_unknown_may_be_either():
    attempts = [attempt(0), attempt(1, REFUSED), attempt(2, UNKNOWN), attempt(3, UNKNOWN)]
    assert judge(attempts, [(0, 0), (0, 2)]).is_clean


def test_verdict_names_what_is_lost_duplicated_or_resurrected():
    attempts = [attempt(0), attempt(1), attempt(2, REFUSED)]
    verdict = judge(attempts, [(0, 1), (0, 1), (0, 2)])
    assert verdict.lost == {(0, 0)}
    assert verdict.duplicated == {(0, 1)}
    assert verdict.resurrected == {(0, 2)}
    assert not verdict.is_clean


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
    monkeypatch.setattr(load, "connect", lambda dsn: Connection(failures))
    writer = Writer("", uuid.uuid4(), 0, 0.0, threading.Event())
    writer._attempt((0, 0))
    assert [(one.outcome, one.reason) for one in writer.attempts] == [(outcome, reason)]
