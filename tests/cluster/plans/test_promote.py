"""When a standby cluster may be promoted, and what is said to be lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.model import Cluster
from cluster.observed.member_data import SeenData
from cluster.plans.promote import (
    HEADER_BYTES,
    SourceMember,
    missing_bytes,
    promotion_lines,
    promotion_obstacles,
    replication_source_words,
)
from tests.cluster.declared.test_standby_clusters import both
from tests.cluster.live_members import healthy, with_patroni

LIVE = healthy("d1")
OURS = replace(LIVE, within=frozenset(("d1",)))
WRITTEN = 1 << 30
LOST = SourceMember(None)


def dr() -> Cluster:
    return both()[1]


def end(state: str = "", checkpoint: int = 0, **other: Any) -> SeenData:
    """A member that is not asked for more. + other: what differs"""
    control = {"identifier": "76", "state": state, "timeline": 1, "checkpoint": checkpoint, "recovered": 0}
    found: Any = {"patroni": "inactive", "server": False, "in_recovery": None, "written": None, "received": None}
    found |= {"replayed": None, "replayed_at": "", "turns": {}, "timeline": 0, "end": 0, "whole": False}
    return cast(SeenData, {**found, "control": control if state else None, **other})


def own(position: int | None = WRITTEN + 120) -> SeenData:
    runs: Any = {"server": True, "in_recovery": True, "replayed": position, "replayed_at": "2026-11-21 14:30:07+00"}
    return end("in archive recovery", **runs)


STOPPED = SourceMember(end(state="shut down", checkpoint=WRITTEN))
STANDBY = SourceMember(end(state="shut down in recovery", checkpoint=WRITTEN))
RUNS = SourceMember(end("in production", 7, server=True, in_recovery=False, written=WRITTEN))


def obstacle(
    source: dict[str, SourceMember], live: Any = OURS, at: SeenData | None = None, *, lost: bool = False
) -> str:
    found = promotion_obstacles(dr(), live, source, at or own(), lost=lost)
    return "\n".join(map(str, found))


def test_a_stopped_source_is_no_obstacle() -> None:
    assert obstacle({"s1": STOPPED, "s2": STANDBY}) == ""


@pytest.mark.parametrize("member", [RUNS, SourceMember(end(state="shut down", patroni="activating"))])
@pytest.mark.parametrize("lost", [False, True])
def test_a_source_that_runs_is_one_whatever_is_said(member: SourceMember, lost: bool) -> None:
    assert obstacle({"s1": STOPPED, "s2": member}, lost=lost) == (
        "shop still runs on s2: there would be two primaries\n"
        "HINT: stop it first, its leader last: `systemctl disable --now patroni` on s2."
    )


def test_what_cannot_be_reached_may_be_alive() -> None:
    source = {"s1": LOST, "s2": STOPPED}
    assert obstacle(source) == (
        "s1 cannot be reached, so it is unknown whether shop still takes writes\n"
        "HINT: when they are off and stay off, say so: --data source_is_lost=true."
    )
    assert obstacle(source, lost=True) == ""


def test_what_has_not_arrived_is_waited_for_or_given_up() -> None:
    late = own(WRITTEN - 1000)
    assert obstacle({"s1": STOPPED}, at=late) == (
        "dr lacks the last 1000 bytes that shop wrote\n"
        "HINT: start that again until they have arrived, or give them up with --data source_is_lost=true."
    )
    assert obstacle({"s1": STOPPED}, at=late, lost=True) == ""


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (with_patroni(OURS, leader=None), "there is no leader"),
        (with_patroni(OURS, paused=True), "dr is paused: no standby takes over"),
        (with_patroni(OURS, scheduled_switchover={"at": "noon"}), "a switchover is scheduled for noon"),
        (LIVE, "the leader d1 is left out by --limit"),
        (replace(OURS, etcd=None), "etcd"),
    ],
)
def test_the_standby_itself_must_be_fit(live: Any, words: str) -> None:
    assert words in obstacle({"s1": STOPPED}, live, lost=True)


@given(st.integers(0, 1 << 40), st.integers(-(1 << 20), 1 << 20))
def test_nothing_is_missing_when_all_was_replayed(checkpoint: int, ahead: int) -> None:
    source = {"s1": SourceMember(end(state="shut down", checkpoint=checkpoint))}
    missing = missing_bytes(source, own(checkpoint + ahead))
    assert missing == (0 if ahead >= -HEADER_BYTES else -ahead)


def test_a_standbys_or_a_crashed_checkpoint_says_nothing() -> None:
    crashed = SourceMember(end(state="in production", checkpoint=WRITTEN))
    assert missing_bytes({"s1": crashed, "s2": STANDBY, "s3": LOST}, own()) is None


def test_of_a_source_that_crashed_its_wal_says_what_it_wrote_last() -> None:
    crashed = end("in production", WRITTEN - 5000, timeline=1, end=WRITTEN + 900, whole=True)
    assert missing_bytes({"s1": SourceMember(crashed), "s2": LOST}, own(WRITTEN)) == 900
    assert missing_bytes({"s1": SourceMember(crashed), "s2": LOST}, own(WRITTEN + 900)) == 0
    cut: Any = {**crashed, "whole": False}
    assert missing_bytes({"s1": SourceMember(cut)}, own(WRITTEN)) is None, "there may be more"


def test_the_plan_says_what_is_lost() -> None:
    assert promotion_lines(dr(), OURS, {"s1": STOPPED, "s2": STANDBY}, own()) == [
        "Promotion of dr, a standby of shop: d1 takes writes",
        "  source  stopped on all its members",
        "  LOST    nothing: all that was written has arrived",
        "  then    shop must not start again as it is: it would take writes, too",
    ]
    assert promotion_lines(dr(), OURS, {"s1": LOST, "s2": LOST}, own())[1:3] == [
        "  source  s1, s2 cannot be reached",
        "  LOST    what shop committed after 2026-11-21 14:30:07+00, the last transaction that arrived; "
        "how much, only shop knows",
    ]  # fmt: skip


def test_how_far_behind() -> None:
    running = end(server=True, in_recovery=False, written=WRITTEN + 5 * 1024 * 1024)
    assert replication_source_words(dr(), [end(), running], own(WRITTEN)) == "streams from shop, 5 MiB behind"
    assert replication_source_words(dr(), [end()], own()) == "streams from shop, whose PostgreSQL runs nowhere"
    assert replication_source_words(dr(), [], own()) == "streams from shop, which cannot be reached"
    _, archive = both(patroni_standby_streams=False)
    assert replication_source_words(archive, [running], own(WRITTEN)) == "reads the archive of shop, 5 MiB behind"
