"""With whose data a cluster begins, what is said of a stop and of a destruction, and whose hosts are left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.all import units_of
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.measures import lsn_text
from cluster.plans.destroy import destroyed_lines, destruction_lines, refuse_foreign
from cluster.plans.start import choice_lines, last_leader
from cluster.plans.stop import stopped_lines
from cluster.verdicts.data_positions import DataPosition, furthest, last_record, most_advanced, primary_of
from tests.world.hosts import fake_cluster

ROLES = ("postgres", "etcd", "haproxy")


def member(state: str = "in archive recovery", timeline: int = 3, checkpoint: int = 1000, **other: Any) -> Any:
    control = {"identifier": "76", "state": state, "timeline": timeline, "checkpoint": checkpoint, "recovered": 0}
    down = {"patroni": "inactive", "enabled": "enabled", "held": False, "restoring": False, "data": "there"}
    silent = {"server": False, "in_recovery": None, "written": None, "received": None, "replayed": None}
    silent |= {"replayed_at": "", "turns": {}, "timeline": 0, "end": 0, "whole": False}
    return {**down, **silent, "control": control, **other}


def chosen(*members: Any, without: tuple[str, ...] = (), last: str | None = None) -> str:
    seen = {f"h{n}": one for n, one in enumerate(members, 1)}
    return most_advanced(fake_cluster(), seen, without, last).name


def test_the_one_that_led_has_all_that_it_sent() -> None:
    assert chosen(member(checkpoint=9000), member("in production", checkpoint=500), member()) == "h2"
    assert chosen(member(), member(), member("shut down")) == "h3"


def test_a_primary_of_an_older_timeline_was_replaced() -> None:
    assert chosen(member("in production", checkpoint=9000), member(timeline=4), member()) == "h2"


def test_of_standbys_alone_the_one_with_the_most_wal() -> None:
    behind, ahead = member(checkpoint=2000, end=2100), member(end=5000)
    assert chosen(behind, ahead, member("in production", timeline=3), without=("h3",)) == "h2"
    recovered = member()
    recovered["control"]["recovered"] = 6000
    assert chosen(behind, ahead, recovered) == "h3"


def test_one_that_led_and_has_lost_its_end_comes_after_who_still_has_it() -> None:
    """Its disk did not keep what it had written, and sent."""
    led, follower = member("in production", end=5000, whole=True), member(end=9000, whole=True)
    assert chosen(led, follower, member()) == "h2"
    assert chosen(member("in production", end=5000), follower, member()) == "h1", "there may be more than was read"
    assert chosen(led, member(end=5000, whole=True), member()) == "h1", "of equals the one that led"
    seen = {"h1": led, "h2": follower}
    assert choice_lines(fake_cluster(), seen, fake_cluster().node("h2"))[-1] == (
        "  note   h1 led, and has lost 4000 bytes that h2 has"
    )


def test_what_was_received_of_a_record_that_is_nowhere_whole_does_not_count_against_who_led() -> None:
    led = member("in production", end=5000, whole=True)
    running = member(server=True, in_recovery=True, received=5100, replayed=5000)
    assert chosen(led, running, member()) == "h1"
    assert chosen(running, member(end=5000, whole=True), led, without=("h3",)) == "h1", "among followers it does"


def test_wal_of_a_newer_timeline_counts_that_no_control_file_knows() -> None:
    received = member(timeline=3, end=0)
    received["timeline"] = 4
    assert chosen(member("in production", checkpoint=9000), received, member()) == "h2"


def position(name: str = "h1", state: str = "down", led: bool = False, reach: int = 99) -> DataPosition:
    return DataPosition(name, state, led, 3, reach, reach, True, "76")


@st.composite
def follower(draw: st.DrawFn) -> DataPosition:
    """A member that never led; it may have received the beginning of a record."""
    records = draw(st.integers(0, 1 << 40))
    return DataPosition(
        name=draw(st.sampled_from(["h1", "h2", "h3"])),
        state=draw(st.sampled_from(["standby", "down"])),
        led=False,
        timeline=draw(st.integers(1, 4)),
        reach=records + draw(st.integers(0, 1 << 20)),
        records=records,
        whole=draw(st.booleans()),
        identifier="76",
    )


@given(st.lists(follower(), min_size=1), st.booleans())
def test_nobody_is_further_than_the_one_that_leads(found: list[DataPosition], led: bool) -> None:
    found[0] = replace(found[0], led=led, name="led")
    first = furthest(found)
    newest = [one for one in found if one.timeline == max(one.timeline for one in found)]
    assert first in newest
    if found[0] not in newest or not led:
        assert first.reach == max(one.reach for one in newest)
    elif found[0].whole:
        assert first.records == max(one.records for one in newest)
    else:
        assert first == found[0], "there may be more than was read"


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 20))
def test_a_primary_that_runs_is_ahead_of_what_its_standbys_said_later(end: int, later: int) -> None:
    primary, standby = position("h2", "primary", True, end), position("h1", "standby", reach=end + later)
    assert furthest([standby, primary]) == primary


def test_of_equals_the_one_that_led_last_begins() -> None:
    found = [position(name) for name in ("h1", "h2", "h3")]
    assert furthest(found, "h2").name == "h2" and furthest(found).name == "h1"


def test_who_led_last_decides_between_two() -> None:
    led = member("in production")
    assert chosen(led, led, member(), last="h2") == "h2"
    with pytest.raises(UnsafeError, match="h1 and h2 both led on timeline 3"):
        chosen(led, led, member(), last="h3")
    assert chosen(led, led, member(), without=("h2",)) == "h1"


@pytest.mark.parametrize(
    ("third", "why"),
    [
        (None, "h3 is not in this run"),
        (member(control=None), "h3 has data that pg_controldata cannot read"),
        (member(control=None, data="unreadable"), "h3 has data that pg_controldata cannot read"),
        (member(restoring=True), "h3 is being restored, which deploys/restore.py finishes"),
    ],
)
def test_whoever_may_have_more_is_named(third: Any, why: str) -> None:
    with pytest.raises(UnsafeError) as refused:
        chosen(member("in production"), member(), third)
    assert str(refused.value) == (
        f"it is not known which member of main has the newest data: {why}\n"
        "HINT: bring it back, or accept losing what only it has: --data without=h3."
    )
    assert chosen(member("in production"), member(), third, without=("h3",)) == "h1"


def test_nobody_with_data_is_no_cluster() -> None:
    nothing = member(control=None, data="absent")
    with pytest.raises(UnsafeError, match="no member of main has data"):
        chosen(nothing, nothing, nothing)


def test_two_that_take_writes_are_not_stopped_blindly() -> None:
    both = {"h1": member(in_recovery=False), "h2": member(in_recovery=False)}
    with pytest.raises(UnsafeError, match="h1 and h2 both take writes"):
        primary_of(both)


def test_the_last_record_is_that_of_a_primary_that_is_down() -> None:
    down, standby = member("shut down", checkpoint=7000), member(checkpoint=6000, server=True)
    assert last_record({"h1": down, "h2": standby}) == 7000
    assert last_record({"h1": {**down, "server": True}, "h2": standby}) is None


def test_who_led_last_is_in_etcd() -> None:
    cluster = fake_cluster()
    history = {"/service/main/history": '[[1, 5, "", "2026", "h1"], [2, 9, "", "2026", "h3"]]'}
    assert last_leader(cluster, history) == "h3"
    assert last_leader(cluster, {**history, "/service/main/leader": "h2"}) == "h2"
    assert last_leader(cluster, {"/service/main/history": "[[1, 5]]"}) is None
    assert last_leader(cluster, None) is None


def test_a_stop_says_who_ended_elsewhere() -> None:
    same = {"h1": member("shut down"), "h2": member("shut down in recovery")}
    assert stopped_lines(fake_cluster(), same) == ["main is stopped: all 2 members ended at 0/3E8 on timeline 3"]
    lines = stopped_lines(fake_cluster(), {**same, "h3": member(checkpoint=16)})
    assert lines[:2] == ["main is stopped at 0/3E8 on timeline 3", "  note   h3 ended at 0/10 on timeline 3"]


def test_positions_are_printed_as_postgresql_does() -> None:
    assert lsn_text((5 << 32) + 0x28) == "5/28"


def with_repository() -> Cluster:
    cluster = fake_cluster(roles=ROLES)
    last = replace(cluster.nodes[-1], roles=frozenset({"backup"}))
    return replace(cluster, nodes=(*cluster.nodes[:-1], last))


def test_units_stop_where_their_role_is() -> None:
    cluster = with_repository()
    first, backup = cluster.nodes[0], cluster.nodes[-1]
    assert [units_of(cluster, first, part) for part in ("clients", "timers", "archive", "etcd")] == [
        ["haproxy"],
        ["etcd-snapshot.timer", "postgres-logs.timer"],
        ["pgbackrest"],
        ["etcd"],
    ]
    assert units_of(cluster, backup, "clients") == units_of(cluster, backup, "etcd") == []
    assert "pgbackrest-backup-full.timer" in units_of(cluster, backup, "timers")


def test_a_destruction_says_what_goes_and_what_stays() -> None:
    lines = destruction_lines(with_repository(), ["h2"], wipe=True, backups=False, secrets=".secrets/main")
    assert lines == [
        "main is DESTROYED on h1, h3",
        "  goes   its services with units, timers and configuration; passwords, keys, certificates; etcd's data",
        "  goes   PostgreSQL's data, /var/lib/postgresql/17/main and tablespaces",
        "  stays  its backups and WAL in /var/lib/pgbackrest on h3 (--data backups=true removes that, too)",
        "  stays  packages with their source, logs; on this machine the CA and the secrets, .secrets/main",
        "  note   h2 is not in this run: all of it stays there; keep it off",
    ]


def test_the_way_back_is_said_where_data_were_kept() -> None:
    cluster = fake_cluster()
    assert "deploys/cluster.py --data adopt=true builds it again" in destroyed_lines(cluster, ["h1"], secrets="x")[1]
    assert "adopt" not in "".join(destroyed_lines(cluster, [], secrets="x"))


def test_hosts_of_another_cluster_are_left_alone() -> None:
    refuse_foreign(fake_cluster(), {"h1": ["main", "main"], "h2": []})
    with pytest.raises(UnsafeError, match="h2 belongs to the cluster orders, not to main"):
        refuse_foreign(fake_cluster(), {"h1": ["main"], "h2": ["orders", "main"]})
