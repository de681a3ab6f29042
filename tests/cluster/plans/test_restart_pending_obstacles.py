"""Why nobody is restarted now: each reason word for word, and all of them at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.obstacles import Obstacle
from cluster.plans.restart_pending.obstacles import lowering_obstacles, restart_obstacles
from cluster.verdicts.live import Live
from tests.cluster.live_members import standby_cluster, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster
from tests.cluster.restart_live import restart_live, unreachable, with_settings


def stops(live: Live, *without: str) -> list[Obstacle]:
    return restart_obstacles(a_cluster(), live, without)


def down(live: Live, name: str) -> Live:
    return with_postgres(live, name, answers=False, in_recovery=None)


def limited(live: Live, *names: str) -> Live:
    return replace(live, within=frozenset(names))


def with_etcd(live: Live, **other: Any) -> Live:
    etcd: Any = {**(live.etcd or {}), **other}
    return replace(live, etcd=etcd)


BACK = "bring it back, or go on without it: --data without=pg3"


def test_a_healthy_cluster_has_none() -> None:
    assert stops(restart_live()) == []
    assert lowering_obstacles(restart_live()) == []


@pytest.mark.parametrize(
    ("live", "reason", "hint"),
    [
        (unreachable(restart_live(), "pg3"), "pg3 cannot be reached", BACK),
        (down(restart_live(), "pg3"), "pg3 is down", BACK),
        (
            limited(restart_live(), "pg1", "pg3"),
            "--limit leaves out pg2",
            "an ordered restart may have to touch every member",
        ),
        (
            with_patroni(restart_live(), leader="pg9"),
            "pg9 leads and is not in the inventory",
            "add it to the inventory, or switch over",
        ),
        (
            with_postgres(restart_live(), "pg2", in_recovery=False),
            "pg2 accepts writes beside the leader pg1",
            "stop Patroni there first",
        ),
        (
            with_postgres(restart_live(), "pg1", in_recovery=True),
            "pg1 leads and does not accept writes",
            "wait until its start or promotion has ended",
        ),
    ],
    ids=[
        *("away", "down", "limit", "strange leader", "two primaries", "starting"),
    ],
)
def test_each_obstacle_in_words(live: Live, reason: str, hint: str) -> None:
    assert stops(live) == [Obstacle(reason, hint)]


def test_a_member_that_would_not_start_again_is_not_stopped() -> None:
    error = {"file": "pg_hba.conf", "line": 9, "name": None, "error": "invalid CIDR mask"}
    assert stops(with_postgres(restart_live(), "pg2", file_errors=[error])) == [
        Obstacle(
            "pg2 would not start again: pg_hba.conf, line 9: invalid CIDR mask",
            "correct that file, or what is declared, first",
        )
    ]


def test_a_member_that_etcd_does_not_know_is_not_in_the_cluster() -> None:
    live = restart_live()
    live.patroni["members"].pop("pg3")
    assert stops(live) == [Obstacle("pg3 is not in the cluster", BACK)]


def test_all_obstacles_are_named_at_once() -> None:
    live = with_etcd(down(with_patroni(restart_live(), paused=True), "pg3"), alarms=["CORRUPT"])
    assert [stop.reason.partition(" ")[0] for stop in stops(live)] == ["main", "etcd", "pg3"]


def test_a_dead_member_of_etcd_is_none_while_the_quorum_holds() -> None:
    assert stops(with_etcd(restart_live(), unhealthy={"https://10.0.0.3:2379": "timed out"})) == []


@pytest.mark.parametrize("away", [down, unreachable])
def test_one_that_is_known_to_be_away_is_none(away: Any) -> None:
    assert stops(away(restart_live(), "pg3"), "pg3") == []
    assert stops(limited(away(restart_live(), "pg3"), "pg1", "pg2"), "pg3") == []


def test_one_that_is_not_away_at_all_cannot_be_left_out_by_limit() -> None:
    """It runs, so a raise would have to restart it before the primary."""
    assert [stop.reason for stop in stops(limited(restart_live(), "pg1", "pg2"), "pg3")] == ["--limit leaves out pg3"]


def test_a_name_that_is_no_member_is_refused() -> None:
    assert stops(restart_live(), "pg9", "pg8") == [
        Obstacle("without=pg8,pg9 names no member", "the members are pg1, pg2, pg3")
    ]


# --- A standby cluster ---


def test_a_standby_cluster_restarts_as_any_other() -> None:
    assert stops(standby_cluster(restart_live(max_connections=200))) == []


def test_its_leader_has_to_be_a_standby_that_answers_and_no_other_takes_writes() -> None:
    live = standby_cluster(restart_live())
    assert [one.reason for one in stops(with_postgres(live, "pg2", in_recovery=False))] == [
        "pg2 accepts writes beside the leader pg1"
    ]


def test_it_has_at_least_what_its_source_had_when_it_wrote_what_is_replayed() -> None:
    assert stops(standby_cluster(restart_live(max_connections=50))) == [
        Obstacle(
            "max_connections 50 is below the 100 of its source: main would stop replaying",
            "declare at least 100 for main, or lower it in its source first",
        )
    ]


def test_it_has_at_least_what_its_source_has_now() -> None:
    live = standby_cluster(restart_live(max_connections=150))
    found = restart_obstacles(a_cluster(), live, source={"max_connections": 200, "max_wal_senders": 10})
    assert [one.reason for one in found] == [
        "max_connections 150 is below the 200 of its source: main would stop replaying"
    ]
    assert restart_obstacles(a_cluster(), live, source={"max_connections": 150}) == []


# --- Values that are too low ---


def lowered(live: Live) -> list[tuple[str, str]]:
    return [(stop.reason, stop.hint) for stop in lowering_obstacles(live)]


def test_prepared_transactions_are_not_lost() -> None:
    running = with_settings(restart_live(max_prepared_transactions=2), "pg1", max_prepared_transactions=10)
    assert lowered(with_postgres(running, "pg1", prepared={"count": 2})) == []
    assert lowered(with_postgres(running, "pg1", prepared={"count": 3})) == [
        (
            "max_prepared_transactions 2 is below the 3 prepared ones: PostgreSQL would not start",
            "commit or roll them back ('select * from pg_prepared_xacts')",
        )
    ]


def test_connections_in_use_are_not_turned_away() -> None:
    live = restart_live(max_connections=50)
    assert lowered(with_postgres(live, "pg1", connections=45)) == []
    assert lowered(with_postgres(live, "pg1", connections=46)) == [
        (
            "max_connections 50 is below the 46 connections in use and 5 reserved ones",
            "declare more, or let clients use fewer",
        )
    ]
    # On a standby they are of no concern: it keeps its higher value until the primary has the lower one.
    assert lowered(with_postgres(live, "pg2", connections=99)) == []


@pytest.mark.parametrize("declared", [100, 300])
def test_a_busy_primary_is_no_obstacle_while_its_connections_are_not_lowered(declared: int) -> None:
    assert lowered(with_postgres(restart_live(max_connections=declared), "pg1", connections=100)) == []


def test_replication_slots_are_counted_on_every_member() -> None:
    slots = [{"name": f"s{n}"} for n in range(11)]
    assert lowered(with_postgres(restart_live(), "pg3", slots=slots[:10])) == []
    assert lowered(with_postgres(restart_live(max_replication_slots=4), "pg3", slots=slots[:5])) == [
        (
            "max_replication_slots 4 is below the 5 slots on pg3: PostgreSQL would not start",
            "drop slots that are not used ('select * from pg_replication_slots'), or declare more",
        )
    ]
    assert lowered(unreachable(restart_live(max_replication_slots=4), "pg3")) == []


def test_without_a_configuration_patroni_s_defaults_count() -> None:
    live = with_patroni(restart_live(), config=None)
    assert lowered(with_postgres(live, "pg1", prepared={"count": 1}))[0][0].startswith("max_prepared_transactions 0 ")
