"""Hosts whose firewall is not as declared: not loaded, changed by somebody, or there although it is declared off."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.firewall.rules import TABLE, is_wanted
from cluster.observed.firewall import SeenFirewall


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """What the kernel has; whether the file is as declared, and loaded, is judged with the other files and units."""
    wanted = is_wanted(overview.cluster)
    for node in overview.cluster:
        seen = overview.answer(node, "firewall")
        if seen is None:
            continue
        if wanted and (problem := _problem(seen)):
            yield check_finding("firewall-not-loaded", node.name, problem)
        if not wanted and seen["loaded"] is not None:
            yield check_finding("firewall-undeclared", node.name, f"the table {TABLE} is loaded")


def _problem(seen: SeenFirewall) -> str | None:
    if not seen["installed"]:
        return "nft is not installed"
    if seen["fails"] is not None:
        return f"nft fails: {seen['fails']}"
    if seen["loaded"] is None:
        return f"there is no table {TABLE}: every port is open"
    if seen["on_trial"]:
        return "rules are on trial: a run has loaded them and has not proven yet that the host can be reached"
    return None if seen["loaded"] == seen["recorded"] else f"the table {TABLE} was changed after it was loaded"
