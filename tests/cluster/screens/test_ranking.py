"""Causes before what follows from them."""

from __future__ import annotations

from cluster.checks.report import all_findings
from cluster.finding_types.catalogue import FINDING_TYPES, REMARK
from cluster.screens.ranking import EVERYWHERE, LAYERS, ON_ITS_HOST, ranked, ranking_lines
from tests.cluster.checks.test_report import CASES
from tests.cluster.overview_world import World, healthy


def causes(world: World) -> list[tuple[str, set[str]]]:
    found = ranked(all_findings(world.overview()))
    return [(one.finding.kind, {follows.kind for follows in one.explains}) for one in found]


def test_every_part_has_its_layer_and_every_kind_is_one() -> None:
    assert {kind.what for kind in FINDING_TYPES.values()} == set(LAYERS)
    named = {*EVERYWHERE, *ON_ITS_HOST, *(kind for follows in EVERYWHERE.values() for kind in follows)}
    assert named - set(FINDING_TYPES) == set()


def test_a_dead_host_explains_what_is_silent_with_it() -> None:
    world = healthy()
    world.kill("h3")
    assert causes(world) == [("host-silent", {"etcd-one-left"})]


def test_a_lost_quorum_explains_the_missing_leader_and_two_dead_hosts_the_quorum() -> None:
    world = healthy()
    for name in ("h2", "h3"):
        world.kill(name)
    found = causes(world)
    assert found[0][0] == "host-silent" and {kind for kind, _ in found} == {"host-silent"}
    assert "etcd-no-quorum" in {kind for _, follows in found for kind in follows}


def test_what_has_nothing_to_do_with_each_other_is_two_causes_the_alarm_first() -> None:
    world = healthy()
    world.everywhere("patroni", lambda seen: seen.update(paused=True))
    world.kill("h3")
    assert [kind for kind, _ in causes(world)] == ["host-silent", "paused"]


def test_each_finding_is_a_cause_or_follows_from_one_and_none_is_both() -> None:
    for case in CASES:
        world = healthy()
        try:
            case.breaks(world)
        except (KeyError, AttributeError):
            continue  # made for another world
        found = [one for one in all_findings(world.overview()) if one.severity != REMARK]
        listed = [one for cause in ranked(found) for one in (cause.finding, *cause.explains)]
        assert sorted(map(repr, listed)) == sorted(map(repr, found)), case.kind


def test_the_screen_has_the_command_of_each_cause() -> None:
    world = healthy()
    world.kill("h3")
    lines = ranking_lines("main", ranked(all_findings(world.overview())))
    assert lines[0] == "main: 1 cause to look at, in this order"
    assert lines[2].startswith("  1. alarm: h3, host: ") and lines[3].startswith("     HINT: Start it")
    assert lines[4].startswith("     may explain main, etcd: ")
    assert ranking_lines("main", []) == ["main: nothing to complain about"]
