"""
What became of a load of writes and reads: what its clients were told, what the table has, and the sentence about it.

Every value is written once, never retried: a value that was acknowledged must be there exactly once, a refused one must
not, and of an unknown one nothing can be said. Standard library only, for the probe starts in a process of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

DATABASE = "pyinfra_patroni_probe"
PROBE_AGAIN = "see who leads with deploys/status.py, then measure again with deploys/probe.py."

Value = tuple[int, int]  # writer, sequence


class Outcome(StrEnum):
    """What the writer knows of a value when its attempt is over."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # it failed before COMMIT was sent
    UNKNOWN = "unknown"  # it failed after that


@dataclass(frozen=True, slots=True)
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
        """Whether every promise was kept."""
        return not (self.lost or self.duplicated or self.resurrected)


@dataclass(frozen=True)
class Measured:
    """
    What a probe found, in numbers that fit into JSON.

    + reads_gap_seconds: None where the cluster has no endpoint for readers
    + unjudged: why nobody could look for the writes; empty when somebody did
    + left: why the probe's database is still there; empty when it is gone
    + through: where it was measured, where there was a choice
    """

    acknowledged: int
    refused: int
    unknown: int
    writes_gap_seconds: float
    reads_gap_seconds: float | None
    lost: int = 0
    duplicated: int = 0
    resurrected: int = 0
    unjudged: str = ""
    left: str = ""
    through: str = ""


def acknowledgements(attempts: Iterable[Attempt]) -> list[float]:
    """When the acknowledged writes were."""
    return [one.ended for one in attempts if one.outcome is Outcome.ACKNOWLEDGED]


def report(attempts: list[Attempt], started: float, ended: float) -> Report:
    """Count the outcomes and find the longest time without an acknowledged write."""
    counts = Counter(attempt.outcome for attempt in attempts)
    return Report(
        acknowledged=counts[Outcome.ACKNOWLEDGED],
        refused=counts[Outcome.REFUSED],
        unknown=counts[Outcome.UNKNOWN],
        longest_gap_seconds=longest_gap(acknowledgements(attempts), started, ended),
        reasons=dict(Counter(attempt.reason for attempt in attempts if attempt.reason)),
    )


def longest_gap(moments: Iterable[float], started: float, ended: float) -> float:
    """Return the longest time between start and end without an answer; both count as one."""
    within = sorted(moment for moment in moments if started < moment < ended)
    return max(after - before for before, after in pairwise([started, *within, ended]))


def judge(attempts: list[Attempt], rows: Iterable[Value]) -> Verdict:
    """Compare what was promised with what is there."""
    there = Counter(rows)
    values = {outcome: {attempt.value for attempt in attempts if attempt.outcome is outcome} for outcome in Outcome}
    return Verdict(
        lost=frozenset(values[Outcome.ACKNOWLEDGED] - there.keys()),
        duplicated=frozenset(value for value, times in there.items() if times > 1),
        resurrected=frozenset(values[Outcome.REFUSED] & there.keys()),
    )


def verdict_lines(found: Measured) -> list[str]:
    """What a probe says at its end."""
    counts = f"{found.acknowledged} acknowledged, {found.refused} refused, {found.unknown} unknown"
    reads = "" if found.reads_gap_seconds is None else f"; reads interrupted {found.reads_gap_seconds:.1f} s"
    lines = [f"writes interrupted {found.writes_gap_seconds:.1f} s, {_kept(found)} ({counts}){reads}"]
    if found.through:
        lines.append(found.through)
    if found.left:
        lines.append(f"the database {DATABASE} is still there, until the next probe: {found.left}")
    return lines


def _kept(found: Measured) -> str:
    if found.unjudged:
        return "acknowledged writes not looked for"
    more = {"duplicated": found.duplicated, "refused but there": found.resurrected}
    return ", ".join([f"{found.lost} acknowledged writes lost", *(f"{n} {what}" for what, n in more.items() if n)])


def broken_promise(found: Measured) -> str | None:
    """Why a run must not end as if all were well, or None."""
    if found.unjudged:
        return (
            f"it is unknown whether the probe's {found.acknowledged} acknowledged writes are there: {found.unjudged}\n"
            f"HINT: {PROBE_AGAIN}"
        )
    if found.lost or found.duplicated or found.resurrected:
        return (
            f"the cluster broke its word to clients: {_kept(found)}\n"
            "HINT: keep PostgreSQL's and Patroni's logs of all members before you go on; see docs/runs/probe.md."
        )
    return None
