"""Hosts that are to judge themselves by a timer, and do not."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.findings.component import TIMER
from cluster.declared.model import Node
from cluster.measures import duration_text
from cluster.observed.host import SeenJudgement

# So many in a row may be late, e.g. on a host that is busy.
LATE = 3


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """A timer that is down is a finding of its own."""
    for node in overview.cluster:
        seen: SeenJudgement | None = overview.answer(node, "judgement")
        if seen is not None and not overview.is_stopped(node, TIMER) and (waited := _waited(overview, node, seen)):
            ended = "" if seen["result"] == "success" else f": the last one ended with {seen['result']}"
            problem = f"the host has not judged itself for {duration_text(waited)}{ended}"
            yield check_finding("judgement-old", node.name, problem)


def _waited(overview: Overview, node: Node, seen: SeenJudgement) -> int:
    """For how long it has not, where that is too long; else 0. A host that was just started has not had the time."""
    component = overview.answer(node, "component")
    units = component["units"] if component is not None else {}
    started = units[TIMER]["started_at"] if TIMER in units else 0
    waited = seen["now"] - max(seen["at"] or 0, started)
    return waited if waited > LATE * 60 * overview.cluster.settings.findings_minutes else 0
