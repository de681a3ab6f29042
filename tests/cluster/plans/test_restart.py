"""A restart on demand: who comes after whom, what is in the way, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.obstacles import Obstacle
from cluster.plans.restart import (
    IN_PLACE,
    SWITCHOVER,
    HandOver,
    all_restarts,
    demand_lines,
    demand_obstacles,
    still_due,
    successor,
)
from cluster.plans.restart_pending.members import restart_members
from cluster.plans.restart_pending.plan import Restart
from cluster.verdicts.live import Live
from tests.cluster.live_members import standby_cluster, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster
from tests.cluster.restart_live import restart_live, unreachable, with_settings
from tests.cluster.simulated_cluster import member

ALL = ("pg1", "pg2", "pg3")


def stops(live: Live, *due: str, without: tuple[str, ...] = ()) -> list[Obstacle]:
    return demand_obstacles(a_cluster(), live, due or ALL, without)


def said(live: Live, *due: str, by: str = IN_PLACE, alone: bool = False) -> list[str]:
    members = restart_members(a_cluster(), live)
    return demand_lines(a_cluster(), live, members, all_restarts(members, due or ALL, by=by, alone=alone))


def strict(live: Live, **other: Any) -> Live:
    config = {**(live.patroni["config"] or {}), "synchronous_mode": True, "synchronous_mode_strict": True}
    return with_patroni(live, config=config, **other)


# --- The order ---


def test_standbys_come_first_a_synchronous_one_last_of_them_and_the_leader_at_the_end() -> None:
    members = [member("pg1", True), member("pg2", synchronous=True), member("pg3"), member("pg4", cascades=1)]
    steps = all_restarts(members, ["pg1", "pg2", "pg3", "pg4"])
    assert [step.member for step in steps if isinstance(step, Restart)] == ["pg4", "pg3", "pg2", "pg1"]
    assert [step.leads for step in steps if isinstance(step, Restart)] == [False, False, False, True]


def test_those_that_are_named_restart_and_no_others() -> None:
    members = [member("pg1", True), member("pg2"), member("pg3")]
    assert all_restarts(members, ["pg3"]) == [Restart("pg3", (), leads=False)]
    assert all_restarts(members, ["pg1"]) == [Restart("pg1", (), leads=True)]


def test_by_switchover_the_leader_hands_over_when_all_others_are_restarted() -> None:
    members = [member("pg1", True), member("pg2"), member("pg3")]
    assert all_restarts(members, ["pg1", "pg2"], by=SWITCHOVER) == [
        Restart("pg2", (), leads=False),
        HandOver("pg1"),
    ]


def test_the_last_that_could_take_over_is_not_restarted_while_another_could_not() -> None:
    members = [member("pg1", True), member("pg2"), member("pg3", eligible=False)]
    (step,) = all_restarts(members, ["pg2"])
    assert isinstance(step, Obstacle)
    assert step.reason == "pg2 is the last standby that could take over; pg3 could not"
    assert all_restarts(members, ["pg2"], alone=True) == [Restart("pg2", (), leads=False)]


def test_the_leader_is_not_restarted_in_place_while_nobody_could_take_over() -> None:
    members = [member("pg1", True), member("pg2", eligible=False)]
    (step,) = all_restarts(members, ["pg1"])
    assert isinstance(step, Obstacle) and step.reason == "no standby could take over while pg1 restarts"
    assert all_restarts(members, ["pg1"], alone=True) == [Restart("pg1", (), leads=True)]


def test_a_single_member_restarts_where_it_is() -> None:
    assert all_restarts([member("pg1", True)], ["pg1"]) == [Restart("pg1", (), leads=True)]


def test_who_began_anew_meanwhile_is_due_no_more() -> None:
    live = with_postgres(restart_live(), "pg2", started_at=2000.0)
    assert still_due(live, {"pg1": 1000.0, "pg2": 1000.0}) == {"pg1"}
    assert still_due(unreachable(live, "pg2"), {"pg2": 1000.0}) == {"pg2"}


def test_the_leader_hands_over_to_the_best_that_was_restarted() -> None:
    live = with_member(restart_live(), "pg3", synchronous=True)
    assert successor(live, {"pg1", "pg2", "pg3"}) == "pg3"
    assert successor(live, {"pg2"}) == "pg2"
    assert successor(with_member(live, "pg2", streaming=False), {"pg2"}) is None
    assert successor(live, set()) is None


# --- What is in the way ---


def test_a_healthy_cluster_has_nothing_in_the_way() -> None:
    assert stops(restart_live()) == []


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"max_connections": 200}, "max_connections waits"),
        ({"max_connections": 50}, "max_connections waits"),
        ({"max_connections": 200, "max_wal_senders": 5}, "max_connections, max_wal_senders wait"),
    ],
)
def test_the_leader_is_left_to_the_ordered_restart_while_one_of_the_five_waits(
    parameters: dict[str, int], words: str
) -> None:
    assert stops(restart_live(**parameters)) == [
        Obstacle(
            f"{words} for a restart of pg1, and in which order depends on the values",
            "`pyinfra inventory.py deploys/restart_pending.py` restarts all members in that order; standbys alone may "
            "restart now, with --data node=NAME,NAME",
        )
    ]


@pytest.mark.parametrize("connections", [50, 200])
def test_standbys_alone_may_restart_whatever_waits(connections: int) -> None:
    """Patroni starts a standby with the higher of what is declared and what its primary has."""
    assert stops(restart_live(max_connections=connections), "pg2", "pg3") == []


def test_a_lower_value_that_only_a_late_standby_still_waits_for_is_not_in_the_way() -> None:
    live = with_settings(restart_live(max_connections=50), "pg1", max_connections=50)
    assert stops(live) == []


def test_other_settings_that_wait_become_active_and_are_named() -> None:
    live = restart_live(shared_buffers="256MB")
    assert stops(live) == []
    assert said(live)[-1] == (
        "  note   pg2, pg3, pg1 starts with shared_buffers 128MB -> 256MB, which waits for a restart until then"
    )


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ({"replay": "paused"}, "pg3 has its replay paused by hand; a restart would resume it"),
        ({"receiving": False}, "pg3 does not stream"),
        ({"timeline": 2}, "pg3 is on timeline 2, the leader on 3"),
    ],
)
def test_a_standby_that_is_not_well_is_not_restarted(seen: dict[str, Any], reason: str) -> None:
    live = with_postgres(restart_live(), "pg3", **seen)
    assert stops(live) == [
        Obstacle(
            reason,
            "fix it first (`pyinfra inventory.py deploys/check.py`), restart the others alone with --data "
            "node=NAME,NAME, or restart it without these checks: `patronictl -c /etc/patroni/config.yml restart main "
            "pg3` on it",
        )
    ]
    assert stops(live, "pg1", "pg2") == []


def test_more_slots_than_a_member_would_start_with_keep_it_from_a_restart() -> None:
    live = with_postgres(restart_live(max_replication_slots=4), "pg2", slots=[{"name": f"s{n}"} for n in range(5)])
    assert [one.reason for one in stops(live, "pg2")] == [
        "max_replication_slots 4 is below the 5 slots on pg2: PostgreSQL would not start"
    ]


def test_what_the_ordered_restart_refuses_is_refused_here_too() -> None:
    assert [one.reason for one in stops(with_patroni(restart_live(), paused=True))] == [
        "main is paused: no standby takes over"
    ]
    assert [one.reason for one in stops(unreachable(restart_live(), "pg3"), "pg2")] == ["pg3 cannot be reached"]
    assert stops(unreachable(restart_live(), "pg3"), "pg2", without=("pg3",)) == []


# --- What is said ---


def test_the_plan_names_each_member_with_how_and_what_it_costs() -> None:
    assert said(restart_live()) == [
        "main: restart on demand",
        "  1. pg2  standby",
        "  2. pg3  standby",
        "  3. pg1  primary, in place",
        "  Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.",
    ]
    assert said(restart_live(), by=SWITCHOVER)[3:] == [
        "  3. pg1  leader, by a switchover to another member",
        "  Writes are interrupted once, while pg1 hands over: commonly 1 to 5 s.",
    ]
    assert said(restart_live(), "pg3") == [
        "main: restart on demand",
        "  1. pg3  standby",
        "  Writes go on: the primary is not restarted.",
    ]


def test_a_plan_that_is_not_carried_out_ends_with_the_reason() -> None:
    live = with_member(restart_live(), "pg3", tags={"nofailover": True})
    assert said(live)[-1] == "  2. stop  pg2 is the last standby that could take over; pg3 could not"


def test_that_nobody_could_take_over_is_said() -> None:
    live = with_member(restart_live(), "pg3", tags={"nofailover": True})
    assert "  No standby could take over while pg2 restarts, the only fit standby." in said(live, alone=True)


def test_strict_and_one_standby_that_may_be_synchronous_stop_all_writes() -> None:
    note = "  note   no write is acknowledged while pg2 restarts: it alone may be synchronous, and the mode is strict"
    one = with_member(strict(restart_live()), "pg3", tags={"nosync": True})
    assert said(one)[-1] == note
    assert note not in said(one, "pg3")
    assert note not in said(strict(restart_live()))
    assert note not in said(replace(one, patroni={**one.patroni, "config": {}}))


def test_of_a_standby_cluster_the_standby_leader_is_the_last_and_no_writes_are_at_stake() -> None:
    assert said(standby_cluster(restart_live())) == [
        "main: restart on demand",
        "  1. pg2  standby",
        "  2. pg3  standby",
        "  3. pg1  standby leader, in place",
        "  It takes no writes: only the connections of readers to a member end while it restarts.",
    ]


def test_a_standby_cluster_restarts_whatever_waits() -> None:
    """What its leader runs with is in no WAL, and Patroni starts it with no less than its source has."""
    assert stops(standby_cluster(restart_live(max_connections=200))) == []
