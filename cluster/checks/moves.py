"""Members that are not at their declared address."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.findings import Finding
from cluster.verdicts.members import moved_findings


def moved(overview: Overview) -> list[Finding]:
    """Members that etcd has elsewhere than the inventory, each once; none while etcd does not say."""
    seen = overview.etcd
    return [] if seen is None else list(moved_findings(overview.cluster, seen["keys"], seen["members"] or (), {}))


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about them: they are no strangers, and nobody is to take out their votes."""
    for one in moved(overview):
        yield check_finding("member-moved", one.where, one.problem)
