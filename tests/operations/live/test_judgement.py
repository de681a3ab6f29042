"""A host that judges itself: what it finds is true, and what it cannot know is named in docs/findings.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.checks.overview import Overview
from cluster.checks.report import all_findings
from cluster.finding_types.catalogue import FINDING_TYPES
from operations.live.judgement import OF_OTHERS, own_findings, written
from tests.cluster.checks.test_report import CASES, Case
from tests.cluster.overview_world import World, healthy

PAGE = Path(__file__).parents[3] / "docs" / "findings.md"
# These take the answers of several hosts, or of one that is silent.
OF_SEVERAL = {
    *("host-silent", "judgement-old", "clock", "lag", "other-data", "two-primaries", "versions-differ"),
    *("collation-differs", "haproxy-replica-lags", "vip-stranger", "vip-twice", "vip-unheld"),
}
# A standby whose C library is not that with which its indexes were made is found by itself as what it is.
ALSO = {"collation-differs": {"collation-outdated"}}


def alone(world: World, name: str) -> Overview:
    """What one host knows."""
    whole = world.overview()
    answers = {other: said if other == name else None for other, said in whole.answers.items()}
    return replace(whole, answers=answers, silences={name: whole.silences.get(name, {})})


def found(overview: Overview) -> set[tuple[str, str]]:
    return {(one.kind, one.finding.where) for one in own_findings(overview)}


def test_a_host_of_a_healthy_cluster_finds_nothing() -> None:
    world = healthy()
    for name in world.answers:
        assert found(alone(world, name)) == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_hosts_find_nothing_that_a_check_of_all_does_not_find(case: Case) -> None:
    world = healthy()
    case.breaks(world)
    every = {(one.kind, one.finding.where) for one in all_findings(world.overview())}
    by_host = {name: found(alone(world, name)) for name in world.answers if name not in world.dead}
    together = set().union(*by_host.values())
    assert {kind for kind, _ in together - every} <= ALSO.get(case.kind, set())
    assert ((case.kind, case.where) in together) == (case.kind not in OF_SEVERAL)


def test_metrics_are_not_written_where_a_link_leads(tmp_path: Path) -> None:
    elsewhere, metrics = tmp_path / "elsewhere", tmp_path / "m.prom"
    elsewhere.write_text("kept")
    (tmp_path / "m.part").symlink_to(elsewhere)
    written("a 1\n", metrics)
    assert (elsewhere.read_text(), metrics.read_text()) == ("kept", "a 1\n")
    assert not metrics.is_symlink() and metrics.stat().st_mode & 0o777 == 0o644


def test_what_hosts_cannot_find_is_told() -> None:
    assert set(OF_OTHERS) < OF_SEVERAL < set(FINDING_TYPES)
    text = PAGE.read_text()
    assert [kind for kind in sorted(OF_SEVERAL) if f"`{kind}`" not in text] == []
