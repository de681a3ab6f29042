"""What a check tells people: the new and the gone, once; alarms once a day; and what nobody could see is not gone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.checks.report import all_findings, as_data
from cluster.screens.notices import Notice, Told, after_check, after_failure
from tests.cluster.overview_world import World, healthy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def document(world: World) -> dict[str, Any]:
    overview = world.overview()
    found: dict[str, Any] = json.loads(json.dumps({"clusters": {"main": as_data(overview, all_findings(overview))}}))
    return found


def kinds(notice: Notice) -> tuple[set[str], set[str], set[str]]:
    new, again, gone = ({one["kind"] for one in listed} for listed in (notice.new, notice.again, notice.gone))
    return new, again, gone


def one_lost() -> World:
    world = healthy()
    world.kill("h3")
    return world


def paused(world: World) -> World:
    world.everywhere("patroni", lambda seen: seen.update(paused=True))
    return world


def test_the_new_is_told_once_and_the_gone_once() -> None:
    first, told = after_check(Told(), document(one_lost()), NOW)
    assert kinds(first) == ({"host-silent", "etcd-one-left"}, set(), set())
    second, told = after_check(told, document(one_lost()), NOW + timedelta(minutes=5))
    assert not second
    third, told = after_check(told, document(healthy()), NOW + timedelta(minutes=10))
    assert kinds(third) == (set(), set(), {"host-silent", "etcd-one-left"})
    assert not after_check(told, document(healthy()), NOW + timedelta(minutes=15))[0]


def test_alarms_are_told_again_after_a_day_and_warnings_are_not() -> None:
    _, told = after_check(Told(), document(one_lost()), NOW)
    later, told = after_check(told, document(one_lost()), NOW + timedelta(days=1))
    assert kinds(later) == (set(), {"host-silent"}, set())
    assert not after_check(told, document(one_lost()), NOW + timedelta(days=1, hours=1))[0]


def test_a_finding_with_other_figures_is_the_same_one_and_one_of_another_name_is_not() -> None:
    def slow(lag: int, name: str) -> dict[str, Any]:
        one = {"kind": "lag", "severity": "warning", "where": "h2", "what": "PostgreSQL", "hint": "Look."}
        return {"clusters": {"main": {"findings": [{**one, "problem": f"lags by {lag} MiB behind {name}"}]}}}

    _, told = after_check(Told(), slow(37, "pg1"), NOW)
    assert not after_check(told, slow(4200, "pg1"), NOW)[0]
    assert kinds(after_check(told, slow(37, "pg2"), NOW)[0]) == ({"lag"}, set(), {"lag"})


def test_what_nobody_could_see_is_not_gone() -> None:
    def disk_and_pause(world: World) -> World:
        for room in world.answers["h3"]["picture"]["rooms"].values():
            room.update(free_mib=1)
        return paused(world)

    first, told = after_check(Told(), document(disk_and_pause(healthy())), NOW)
    assert "paused" in kinds(first)[0] and any(one["where"] == "h3" for one in first.new)
    lost, told = after_check(told, document(one_lost()), NOW)
    assert lost.gone == [] and kinds(lost)[0] == {"host-silent", "etcd-one-left"}
    back, told = after_check(told, document(healthy()), NOW)
    assert {one["kind"] for one in (*first.new, *lost.new)} == kinds(back)[2]


def test_remarks_are_not_told() -> None:
    remark = {"kind": "x", "severity": "remark", "where": "h1", "what": "y", "problem": "z", "hint": "w"}
    assert not after_check(Told(), {"clusters": {"main": {"findings": [remark]}}}, NOW)[0]


def test_a_check_that_does_not_run_is_told_once_a_day_and_so_is_that_it_runs_again() -> None:
    _, told = after_check(Told(), document(one_lost()), NOW)
    failed, told = after_failure(told, "no host can be reached", NOW)
    assert (failed.failed, failed.subject) == ("no host can be reached", "the check of the clusters did not run")
    assert not after_failure(told, "no host can be reached", NOW + timedelta(hours=1))[0]
    assert after_failure(told, "no host can be reached", NOW + timedelta(days=1))[0]
    works, told = after_check(told, document(one_lost()), NOW + timedelta(hours=2))
    assert works.works and kinds(works) == (set(), set(), set())
    assert works.subject == "the check of the clusters runs again"
    assert told.failed == ""


def test_a_message_has_the_cause_and_what_to_do() -> None:
    notice, _ = after_check(Told(), document(one_lost()), NOW)
    assert notice.subject == "main: 1 alarm and 1 warning new"
    assert "  alarm  main, h3, host: " in notice.text and "\n    Start it, or fix" in notice.text
    assert notice.data["text"].startswith(notice.subject) and len(notice.data["new"]) == 2


@given(st.lists(st.sampled_from(["healthy", "lost", "paused", "lost and paused", "fails"]), max_size=12))
def test_whatever_happens_everything_that_is_there_at_the_end_was_told_and_is_not_said_to_be_gone(
    history: list[str],
) -> None:
    worlds = {
        "healthy": document(healthy()),
        "lost": document(one_lost()),
        "paused": document(paused(healthy())),
        "lost and paused": document(paused(one_lost())),
    }
    told, open_, at = Told(), dict[tuple[str, str], int](), NOW
    for moment in [*history, "lost and paused"]:
        at += timedelta(minutes=5)
        if moment == "fails":
            _, told = after_failure(told, "why", at)
            continue
        notice, told = after_check(told, worlds[moment], at)
        for one in notice.new:
            open_[one["kind"], one["where"]] = open_.get((one["kind"], one["where"]), 0) + 1
        for one in notice.gone:
            open_[one["kind"], one["where"]] -= 1
        assert set(open_.values()) <= {0, 1}, "told twice, or gone without having been told"
    there = {("host-silent", "h3"), ("etcd-one-left", "main"), ("paused", "main")}
    assert {key for key, count in open_.items() if count} == there
