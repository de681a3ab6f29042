"""Clients of PgBouncer that do what transaction pooling allows: several statements in a transaction, prepared."""

from __future__ import annotations

import psycopg

from cluster.endpoints.probe import Value
from operations.util.on_control.probe_clients import INSERT, TABLE, Writer, connect
from tests.lab.vocabulary.load import Load, Outcome

CLIENTS = 20
COUNT = f"SELECT count(*) FROM {TABLE} WHERE run = %s AND writer = %s AND sequence = %s"
UPDATE = f"UPDATE {TABLE} SET written = clock_timestamp() WHERE run = %s AND writer = %s AND sequence = %s"


class TransactionWriter(Writer):
    """Each value in a transaction of three statements, all of them prepared on the server."""

    def _write(self, value: Value) -> None:
        if self._connection is None:
            self._connection = connect(self._dsn)
            self._connection.add_notice_handler(self._notice)
        given = (self._run, *value)
        self._connection.execute(INSERT, given, prepare=True)
        counted = self._connection.execute(COUNT, given, prepare=True).fetchone()
        if counted != (1,):
            raise psycopg.DataError(f"the transaction does not see its own row: {counted}")
        self._connection.execute(UPDATE, given, prepare=True)
        self._commit_sent = True
        self._connection.commit()


class PooledLoad(Load):
    """
    Twenty of them.

    + dsn: how they connect, through PgBouncer
    """

    def __init__(self, dsn: str, *, interval_seconds: float = 0.1) -> None:
        super().__init__(dsn, writers=CLIENTS, interval_seconds=interval_seconds, writer=TransactionWriter)

    @property
    def failed(self) -> dict[str, int]:
        """Why transactions failed, and how often each time."""
        return self.report().reasons

    @property
    def longest_seconds(self) -> float:
        """The longest transaction that was acknowledged."""
        return max(
            (one.ended - one.started for one in self.attempts if one.outcome is Outcome.ACKNOWLEDGED), default=0.0
        )


def judge(what: str, load: PooledLoad, *, unheard: bool = True) -> None:
    """Print what it cost. Nothing acknowledged is lost or twice there. + unheard: no client got an error either"""
    verdict, seen = load.verdict(), load.report()
    print(
        f"\n{what}: {seen.acknowledged} transactions, failed {load.failed or 0}, longest {load.longest_seconds:.1f} s, "
        f"without any {seen.longest_gap_seconds:.1f} s, lost {len(verdict.lost)}, twice {len(verdict.duplicated)}"
    )
    assert verdict.is_clean, verdict
    assert not unheard or load.failed == {}
