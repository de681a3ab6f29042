"""What a start of PostgreSQL makes active though it is for another purpose: every plan names it."""

from __future__ import annotations

from typing import Any

from cluster.plans.reinit_node import reinit_remarks
from cluster.plans.restart_pending.activation import activated
from cluster.plans.stop import stop_lines
from cluster.plans.switchover import remarks
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_patroni, with_postgres
from tests.world.hosts import fake_cluster

SAID = "starts with huge_pages try -> on, which waits for a restart until then"
PAGES = {"setting": "try", "shown": "try", "unit": None, "type": "enum", "default": "try", "source": "default"}


def waiting(*names: str, **more: Any) -> Live:
    """huge_pages is on in the configuration, and these members know of it. + more: further answers of theirs"""
    live = with_patroni(healthy("h1", "h2", "h3"), config={"postgresql": {"parameters": {"huge_pages": "on"}}})
    for name in names:
        known = {**(live.postgres[name] or {})["settings"], "huge_pages": {**PAGES, "pending": True}}
        live = with_postgres(live, name, settings=known, **more)
    return live


def test_members_with_the_same_change_are_one_line() -> None:
    assert activated(waiting("h1", "h2", "h3"), ["h1", "h3"]) == [f"h1, h3 {SAID}"]
    assert activated(waiting("h1"), ["h1", "h2"]) == [f"h1 {SAID}"]
    assert activated(healthy(), ["pg1", "pg2", "pg3"]) == []


def test_one_that_does_not_run_gets_what_the_leader_waits_for() -> None:
    live = with_postgres(waiting("h1"), "h2", answers=False)
    assert activated(live, ["h2"]) == [f"h2 {SAID}"]
    assert activated(waiting("h1"), ["h9"]) == [f"h9 {SAID}"]


def test_without_anybody_who_runs_nothing_is_known() -> None:
    live = waiting("h1")
    for name in ("h1", "h2", "h3"):
        live = with_postgres(live, name, answers=False)
    assert activated(with_patroni(live, leader=None), ["h1"]) == []


def test_what_somebody_else_left_pending_is_named_with_what_is_known() -> None:
    live = with_patroni(waiting("h1"), config={})
    assert activated(live, ["h1"]) == ["h1 starts with huge_pages try -> ?, which waits for a restart until then"]


def test_a_switchover_restarts_the_leader_a_copy_its_member_and_a_stop_everybody() -> None:
    live, cluster = waiting("h1", "h2", "h3"), fake_cluster()
    assert f"h1 {SAID}" in remarks(live, ["h2", "h3"], "h2", ())
    assert f"h2 {SAID}" in reinit_remarks(cluster, live, "h2", 7)
    power: Any = {"server": True, "patroni": "active", "in_recovery": False, "control": None}
    seen = {name: {**power, "in_recovery": name != "h1"} for name in ("h1", "h2", "h3")}
    said = stop_lines(cluster, seen, 3, [], activated(live, list(seen)))
    assert f"  note   h1, h2, h3 {SAID}" in said
