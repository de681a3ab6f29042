"""What the restart plan knows of each member: as it is, not as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.members import CAUGHT_UP_MIB, MIB, restart_members, wanted_five
from cluster.plans.restart_pending.plan import Member
from cluster.verdicts.live import Live
from tests.cluster.live_members import standby_cluster, with_member, with_postgres
from tests.cluster.preflight_hosts import a_cluster
from tests.cluster.restart_live import FIVE, restart_live, setting, unreachable, with_settings

WRITTEN = 1 << 30


def seen(live: Live, name: str = "pg2") -> Member:
    return next(one for one in restart_members(a_cluster(), live) if one.name == name)


def test_members_that_run_as_declared_have_nothing_to_do() -> None:
    members = restart_members(a_cluster(), restart_live(shared_buffers="128MB"))
    assert [(one.name, one.leads, one.eligible) for one in members] == [
        ("pg1", True, False),
        ("pg2", False, True),
        ("pg3", False, True),
    ]
    assert all(one.is_done and one.runs and not one.unfit for one in members)


def test_wanted_running_and_replayed_come_from_three_places() -> None:
    live = with_settings(restart_live(max_connections="300"), "pg2", max_connections=200)
    live = with_postgres(live, "pg2", control={**FIVE, "max_connections": 150})
    member = seen(live)
    assert [each["max_connections"] for each in (member.wanted, member.running, member.replayed)] == [300, 200, 150]


def test_what_nobody_declares_is_patroni_s_default_and_so_is_what_it_does_not_take() -> None:
    assert wanted_five({}) == FIVE
    assert wanted_five({"max_connections": 10, "max_wal_senders": "many"}) == FIVE
    assert wanted_five(dict.fromkeys(ORDERED, 500)) == dict.fromkeys(ORDERED, 500)


# --- Which settings wait ---


@pytest.mark.parametrize(
    ("declared", "others"),
    [
        ({"shared_buffers": "1GB"}, {"shared_buffers": "128MB -> 1GB"}),
        ({"SHARED_BUFFERS": "1GB"}, {"shared_buffers": "128MB -> 1GB"}),
        ({"shared_buffers": "131072kB"}, {}),
        ({"shared_buffers": None}, {}),
        ({"work_mem": "64MB"}, {}),  # needs no restart, so it is not among what waits for one
        ({"max_replication_slots": 20}, {"max_replication_slots": "10 -> 20"}),
        ({"max_replication_slots": 2}, {}),  # Patroni uses its own 10
        ({"max_connections": 300}, {}),  # one of the five: told apart
    ],
)
def test_other_settings_are_named_with_what_changes(declared: dict[str, Any], others: dict[str, str]) -> None:
    assert seen(restart_live(**declared)).others == others


def test_what_patroni_sets_itself_does_not_wait_whatever_the_configuration_has() -> None:
    live = with_settings(restart_live(port=6000), "pg2", port=5432)
    assert seen(live).others == {}


@pytest.mark.parametrize(
    ("name", "written", "runs"),
    [
        ("shared_buffers", "7XB", setting(16384, unit="8kB")),  # Patroni keeps it out of PostgreSQL's file
        ("huge_pages", "perhaps", setting("try", "enum")),
        ("wal_buffers", -1, setting(512, unit="8kB")),  # PostgreSQL chooses, and shows what it chose
        ("wal_buffers", "-1", setting(512, unit="8kB")),
    ],
)
def test_what_no_restart_would_change_does_not_wait_for_one(name: str, written: object, runs: dict[str, Any]) -> None:
    live = with_settings(restart_live(**{name: written}), "pg2", **{name: runs})
    live = with_postgres(live, "pg2", version=170012)
    assert seen(live).others == {}


def test_what_was_changed_past_patroni_is_named_by_postgresql() -> None:
    live = with_settings(restart_live(), "pg2", huge_pages=setting("try", "enum", pending=True))
    assert seen(live).others == {"huge_pages": "try -> ?"}
    assert seen(live, "pg3").others == {}


# --- Who is fit ---


def down(live: Live, name: str) -> Live:
    return with_postgres(live, name, answers=False, settings={}, replay=None, receiving=False, timeline=None)


def forgotten(live: Live, name: str) -> Live:
    live.patroni["members"].pop(name)
    return live


@pytest.mark.parametrize(
    ("live", "unfit", "runs"),
    [
        (unreachable(restart_live(), "pg2"), "cannot be reached", False),
        (down(restart_live(), "pg2"), "is down", False),
        (forgotten(down(restart_live(), "pg2"), "pg2"), "has no Patroni that etcd knows of", False),
        # Its PostgreSQL goes on and would stop replaying when the primary is raised past it.
        (forgotten(restart_live(), "pg2"), "has no Patroni that etcd knows of", True),
        (
            with_postgres(restart_live(), "pg2", replay="paused"),
            "has its replay paused by hand; a restart would resume it",
            True,
        ),
        (
            with_postgres(restart_live(), "pg2", replay="pause requested"),
            "has its replay paused by hand; a restart would resume it",
            True,
        ),
        (with_postgres(restart_live(), "pg2", receiving=False), "does not stream", True),
        (with_postgres(restart_live(), "pg2", timeline=2), "is on timeline 2, the leader on 3", True),
    ],
    ids=[
        *("unreachable", "down", "down and forgotten", "forgotten", "paused", "pausing", "not streaming"),
        "old timeline",
    ],
)
def test_a_standby_that_is_not_restarted_now_says_why(live: Live, unfit: str, runs: bool) -> None:
    member = seen(live)
    assert (member.unfit, member.runs, member.eligible) == (unfit, runs, False)
    assert not seen(live, "pg3").unfit


def test_one_that_runs_without_patroni_is_told_with_what_it_runs() -> None:
    live = forgotten(restart_live(max_connections=300), "pg2")
    assert seen(live).running["max_connections"] == 100


def test_one_that_takes_its_wal_from_the_archive_on_purpose_is_fit() -> None:
    live = with_postgres(restart_live(), "pg2", receiving=False, timeline=None)
    assert seen(with_member(live, "pg2", tags={"nostream": True})).unfit == ""


def test_one_that_stopped_replaying_for_its_low_value_is_cured_by_a_restart() -> None:
    live = with_settings(restart_live(max_connections=300), "pg1", max_connections=300)
    member = seen(with_postgres(live, "pg2", replay="paused"))
    assert (member.unfit, member.eligible) == ("", False)


def test_the_leader_is_never_unfit() -> None:
    assert seen(with_postgres(restart_live(), "pg1", receiving=False), "pg1").unfit == ""


# --- Who could take over ---


@pytest.mark.parametrize("tags", [{"nofailover": True}, {"failover_priority": 0}])
def test_one_that_may_not_take_over_is_fit_all_the_same(tags: dict[str, Any]) -> None:
    member = seen(with_member(restart_live(), "pg2", tags=tags))
    assert (member.unfit, member.eligible) == ("", False)


@pytest.mark.parametrize("tags", [{"nofailover": False}, {"failover_priority": 1}, {"clonefrom": True}])
def test_other_tags_do_not_matter(tags: dict[str, Any]) -> None:
    assert seen(with_member(restart_live(), "pg2", tags=tags)).eligible


def test_one_that_is_far_behind_could_not_take_over() -> None:
    edge = WRITTEN - CAUGHT_UP_MIB * MIB
    assert seen(with_postgres(restart_live(), "pg2", replayed=edge)).eligible
    assert not seen(with_postgres(restart_live(), "pg2", replayed=edge - 1)).eligible
    assert not seen(with_postgres(restart_live(), "pg2", replayed=None)).eligible


def test_synchronous_and_cascading_ones_are_told() -> None:
    live = with_member(restart_live(), "pg2", synchronous=True, tags={"replicatefrom": "pg3"})
    assert (seen(live).synchronous, seen(live).cascades) == (True, 1)
    assert (seen(live, "pg3").synchronous, seen(live, "pg3").cascades) == (False, 0)


def test_the_deeper_in_a_cascade_the_earlier() -> None:
    live = with_member(restart_live(), "pg2", tags={"replicatefrom": "pg3"})
    assert seen(with_member(live, "pg3", tags={"replicatefrom": "pg1"})).cascades == 1
    assert seen(with_member(live, "pg2", tags={"replicatefrom": "pg1"})).cascades == 0


def test_the_leader_of_a_standby_cluster_starts_with_no_less_than_it_has_replayed() -> None:
    live = standby_cluster(restart_live(max_connections=50))
    leader = seen(live, "pg1")
    assert leader.leads and leader.follows and leader.starts_with("max_connections") == 100
    assert seen(standby_cluster(restart_live(max_connections=200)), "pg1").takes == ("max_connections",)
    assert not seen(restart_live(), "pg1").follows


def test_a_standby_leader_that_reads_the_archive_has_no_timeline_to_compare() -> None:
    live = with_postgres(standby_cluster(restart_live()), "pg1", timeline=None, receiving=False)
    assert seen(live).unfit == ""
