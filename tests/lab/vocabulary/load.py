"""
A load of writes that remembers what it was promised, to find out what a failure cost.

Made of the clients of the availability probe, so the product and its tests have one truth of what is lost.
"""

import threading
import time
import uuid
from typing import Self

from cluster.endpoints.probe import Attempt, Outcome, Report, Value, Verdict, report
from operations.util.on_control.probe_clients import CREATE, Writer, connect, stop_all, verdict
from tests.lab.errors import LabError
from tests.lab.vocabulary.waiting import wait_until

__all__ = ["Attempt", "Load", "Outcome", "Report", "Value", "Verdict"]


class Load:
    """
    Writers that run from ``with`` on until its end.

    + dsn: how clients connect; ``verdict`` may be given another one
    + interval_seconds: pause of a writer between two values; + writer: how it writes one
    """

    def __init__(
        self, dsn: str, *, writers: int = 4, interval_seconds: float = 0.02, writer: type[Writer] = Writer
    ) -> None:
        self.run = uuid.uuid4()
        self._dsn = dsn
        self._stop = threading.Event()
        self._started = self._ended = 0.0
        self._writers = [writer(dsn, self.run, number, interval_seconds, self._stop) for number in range(writers)]

    def __enter__(self) -> Self:
        with connect(self._dsn) as connection:
            connection.execute(CREATE)
        self._started = time.monotonic()
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended = time.monotonic()
        if stuck := stop_all(self._writers, self._stop):
            raise LabError(f"{', '.join(stuck)}: still waits for the server")

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for writer in self._writers for attempt in writer.attempts]

    def report(self) -> Report:
        """Return what the writers saw; may be asked while they run."""
        return report(self.attempts, self._started, self._ended or time.monotonic())

    def wait_for_writes(self, count: int, *, seconds: float, after: float | None = None) -> None:
        """
        Return when so many more writes were acknowledged.

        + after: those count that began after this moment, by the monotonic clock; None: those from now on
        """
        moment = time.monotonic() if after is None else after
        wait_until("writes are acknowledged", lambda: self._acknowledged(moment) >= count, seconds=seconds)

    def _acknowledged(self, moment: float) -> int:
        return sum(one.outcome is Outcome.ACKNOWLEDGED and one.started > moment for one in self.attempts)

    def verdict(self, dsn: str | None = None) -> Verdict:
        """Read the table, and judge."""
        return verdict(dsn or self._dsn, self.run, self.attempts)
