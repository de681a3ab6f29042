"""What is wrong with the proof of the backups: there is none, it is old, or the last drill did not pass."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.observed.pgbackrest import SeenDrill
from cluster.plans.verify_backup import FAILED, UNDECIDED

_KINDS = {FAILED: "drill-failed", UNDECIDED: "drill-undecided"}


def drill_findings(overview: Overview, repository: Node) -> Iterable[CheckFinding]:
    """Everything about the restore drills; their age is of interest after the last one came to its verdict."""
    seen = overview.drill
    if seen is None:
        return
    last = seen["last"]
    if last is not None and last["verdict"] in _KINDS:
        problem = f"{last['label'] or 'no backup'}: {'; '.join(last['reasons'])}"
        yield check_finding(_KINDS[last["verdict"]], repository.name, problem)
    if last is None or last["verdict"] != FAILED:
        yield from _age(overview, repository, seen)


def _age(overview: Overview, repository: Node, seen: SeenDrill) -> Iterable[CheckFinding]:
    """Counted from the last proof; where there is none, from when drills were put on the schedule."""
    most, passed, since = overview.cluster.settings.pgbackrest_drill_age_alarm_days, seen["passed"], seen["since"]
    if passed is not None and (days := _days(overview, passed["ended_at"])) > most:
        problem = f"the last backup that was proven, {passed['label']}, is {days:.0f} days ago, more than {most}"
        yield check_finding("drill-old", repository.name, problem)
    if passed is None and since is not None and (days := _days(overview, since)) > most:
        problem = f"no backup was ever proven, though drills have been scheduled for {days:.0f} days"
        yield check_finding("drill-none", repository.name, problem)


def _days(overview: Overview, moment: int) -> float:
    return (overview.at.timestamp() - moment) / 86400
