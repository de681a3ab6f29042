"""Hosts without a running clock service."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Hosts that may set their clock and on which no clock service runs."""
    for node in overview.cluster:
        seen = overview.answer(node, "clock")
        if seen is None or not seen["may_set"] or "active" in seen["services"].values():
            continue
        names = ", ".join(seen["services"])
        problem = f"{names} is installed and does not run" if names else "no clock service is installed"
        more = f"`systemctl enable --now {next(iter(seen['services']))}` on {node.name}. " if names else ""
        yield check_finding("clock-unkept", node.name, problem, more=more)
