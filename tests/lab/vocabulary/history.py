"""A history of acknowledged writes with marks in it, and what of it has to be there after a restore to one of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.lab.vocabulary.backups import psql
from tests.lab.vocabulary.load import Load, Outcome, Value
from tests.lab.vocabulary.runs import Built, dsn
from tests.lab.vocabulary.waiting import wait_until

POINT = "in_the_middle"
BETWEEN = 100  # writes
SECONDS = 30

TIME = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
POSITION = "select pg_current_wal_insert_lsn()"
NAME = f"select pg_create_restore_point('{POINT}')"


@dataclass(frozen=True)
class Mark:
    """
    A moment of the history.

    + target: as PostgreSQL told it: a position or a time
    + before, after: what the monotonic clock here said around the question
    """

    target: str
    before: float
    after: float


@dataclass(frozen=True)
class History:
    """What was written, and three moments in it, in their order: a restore point, a position, a time."""

    load: Load
    point: Mark
    position: Mark
    time: Mark

    def due(self, mark: Mark) -> set[Value]:
        """Acknowledged before the mark."""
        return {one.value for one in self.load.attempts if _acknowledged(one.outcome) and one.ended < mark.before}

    def undue(self, mark: Mark) -> set[Value]:
        """Begun after it."""
        return {one.value for one in self.load.attempts if one.started > mark.after}

    @property
    def question(self) -> str:
        """The statement whose answer ``assert_ends_at`` takes."""
        return f"select writer, sequence from probe where run = '{self.load.run}'"

    def assert_ends_at(self, mark: Mark, answer: str) -> None:
        """Every write acknowledged before the mark is there, and none that was begun after it. + answer: of psql"""
        lines = (line.split("|") for line in answer.split())
        rows: set[Value] = {(int(writer), int(sequence)) for writer, sequence in lines}
        due, undue = self.due(mark), self.undue(mark)
        assert due and undue, "the mark is in the middle"
        assert not due - rows, f"{len(due - rows)} of {len(due)} acknowledged writes are lost"
        assert not undue & rows, f"{len(undue & rows)} writes are there that came later"


def recorded(built: Built) -> History:
    """Let clients write, and mark three moments meanwhile."""
    with Load(dsn(built.lab)) as load:
        marks = [_marked(built, load, question) for question in (NAME, POSITION, TIME)]
        _wait_for_writes(load)
    return History(load, *marks)


def _marked(built: Built, load: Load, question: str) -> Mark:
    _wait_for_writes(load)
    before = time.monotonic()
    target = psql(built, question)
    return Mark(target, before, time.monotonic())


def _wait_for_writes(load: Load) -> None:
    enough = load.report().acknowledged + BETWEEN
    wait_until("clients write on", lambda: load.report().acknowledged >= enough, seconds=SECONDS)


def _acknowledged(outcome: Outcome) -> bool:
    return outcome is Outcome.ACKNOWLEDGED
