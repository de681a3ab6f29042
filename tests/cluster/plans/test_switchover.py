"""Who takes over: the best that is fit, and nobody whom Patroni or PostgreSQL would regret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UnsafeError
from cluster.parameters.values import ORDERED
from cluster.plans.switchover import Switchover, candidate_obstacles, rank, switchover_plan
from cluster.verdicts.live import Live
from tests.cluster.live_members import SETTINGS, healthy, standby_cluster, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster

MIB = 1024 * 1024


def plan(live: Live, candidate: str | None = None, without: tuple[str, ...] = ()) -> Switchover:
    return switchover_plan(a_cluster(), live, candidate, without)


def refusal(live: Live, candidate: str | None = None, without: tuple[str, ...] = ()) -> str:
    with pytest.raises(UnsafeError) as refused:
        plan(live, candidate, without)
    return str(refused.value)


def test_of_equals_the_first_in_the_inventory_is_taken() -> None:
    assert plan(healthy()) == Switchover(
        "pg1", "pg2", 3, "the best of 2: streaming, 0 MiB behind, timeline 3", remarks=()
    )


def test_the_least_lag_counts_and_bytes_do_not() -> None:
    noise = with_postgres(healthy(), "pg2", replayed=(1 << 30) - 4096)
    assert plan(noise).candidate == "pg2"
    late = with_postgres(healthy(), "pg2", replayed=(1 << 30) - 2 * MIB)
    assert plan(late).candidate == "pg3"


def test_the_leader_s_own_view_of_the_lag_counts_more_than_two_looks() -> None:
    seen = [
        {"name": "pg2", "state": "streaming", "behind": 20 * MIB},
        {"name": "pg3", "state": "streaming", "behind": 0},
    ]
    live = with_postgres(with_postgres(healthy(), "pg1", replication=seen), "pg3", replayed=0)
    assert plan(live).candidate == "pg3"
    assert candidate_obstacles(live, "pg2") == ["is 20 MiB behind, the limit is 16 MiB"]


def test_a_synchronous_standby_comes_before_one_with_less_lag() -> None:
    live = with_postgres(with_member(healthy(), "pg3", synchronous=True), "pg3", replayed=(1 << 30) - 5 * MIB)
    assert plan(live).candidate == "pg3"
    assert plan(live).reason == "the best of 2: synchronous, 5 MiB behind, timeline 3"


def test_whom_the_operator_names_is_taken_when_fit() -> None:
    chosen = plan(healthy(), "pg3")
    assert (chosen.candidate, chosen.reason) == ("pg3", "asked for: streaming, 0 MiB behind, timeline 3")


@pytest.mark.parametrize(
    ("member", "state", "reason"),
    [
        ({"streaming": False, "state": "starting"}, {}, "does not stream: starting"),
        ({"timeline": 2}, {}, "is on timeline 2, the leader on 3"),
        ({"tags": {"nofailover": True}}, {}, "has the tag nofailover"),
        ({"tags": {"failover_priority": 0}}, {}, "has the tag nofailover"),
        ({}, {"replay": "paused"}, "its replay is paused (paused)"),
        ({}, {"replay": "pause requested"}, "its replay is paused (pause requested)"),
        ({}, {"apply_delay_ms": 60000}, "replays 60 s late on purpose (recovery_min_apply_delay)"),
        ({}, {"replayed": 0}, "is 1024 MiB behind, the limit is 16 MiB"),
        ({}, {"replayed": None}, "does not say how far it is"),
        ({}, {"answers": False, "error": "no socket"}, "its PostgreSQL does not answer: no socket"),
    ],
)
def test_an_unfit_candidate_is_refused_with_its_reason(
    member: dict[str, Any], state: dict[str, Any], reason: str
) -> None:
    live = with_postgres(with_member(healthy(), "pg2", **member), "pg2", **state)
    assert plan(live).candidate == "pg3"
    assert refusal(live, "pg2") == (
        f"pg2 cannot take over from pg1: {reason}\nHINT: pg3 could; leave the candidate out to let it."
    )


@pytest.mark.parametrize("name", ORDERED)
def test_a_candidate_with_less_than_the_leader_has_is_refused(name: str) -> None:
    settings = {**{one: {"setting": str(value)} for one, value in SETTINGS.items()}, name: {"setting": "5"}}
    live = with_postgres(healthy(), "pg2", settings=settings)
    assert f"runs with {name} 5, the leader has {SETTINGS[name]}" in refusal(live, "pg2")


def test_what_the_leader_has_must_be_known() -> None:
    assert "whose pg_controldata says nothing" in refusal(with_postgres(healthy(), "pg1", control=None), "pg2")


def test_every_member_s_reasons_are_listed_when_none_is_fit() -> None:
    live = with_member(healthy(), "pg2", streaming=False, state="starting", tags={"nofailover": True})
    assert refusal(with_member(live, "pg3", timeline=2)) == (
        "no member can take over from pg1\n"
        "  pg2: does not stream: starting; has the tag nofailover\n"
        "  pg3: is on timeline 2, the leader on 3\n"
        "HINT: fix one of them, run again."
    )


def test_one_that_streams_from_a_standby_comes_after_one_that_streams_from_the_leader() -> None:
    assert plan(with_member(healthy(), "pg2", tags={"replicatefrom": "pg3"})).candidate == "pg3"
    assert plan(with_member(healthy(), "pg2", tags={"replicatefrom": "pg1"})).candidate == "pg2"


def test_who_may_never_be_synchronous_is_told_apart() -> None:
    live = with_member(with_patroni(healthy(), config={"synchronous_mode": True}), "pg2", tags={"nosync": True})
    assert candidate_obstacles(live, "pg2") == ["may not be synchronous by its tags, and the cluster is"]


def test_a_standby_cluster_is_led_by_the_best_of_its_members_and_no_commit_waits_there() -> None:
    live = standby_cluster(with_postgres(healthy(), "pg1", replication=[{"name": "pg2", "state": "streaming"}]))
    live = with_patroni(live, config={**(live.patroni["config"] or {}), "synchronous_mode": True})
    made = plan(live)
    assert (made.candidate, made.follows, made.streams) == ("pg2", True, True)
    behind = with_postgres(live, "pg2", replayed=(1 << 30) - 20 * (1 << 20))
    assert plan(behind).candidate == "pg3"
    assert not plan(with_postgres(live, "pg1", receiving=False)).streams


def test_a_standby_cluster_whose_leader_takes_writes_is_none() -> None:
    live = with_postgres(standby_cluster(healthy()), "pg1", in_recovery=False)
    assert "the leader pg1 is no standby: running" in refusal(live)


def test_in_synchronous_mode_only_a_synchronous_standby_is_fit() -> None:
    live = with_patroni(healthy(), config={"synchronous_mode": True})
    assert candidate_obstacles(live, "pg2") == ["is not synchronous, and the cluster is"]
    assert plan(with_member(live, "pg3", synchronous=True)).candidate == "pg3"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"paused": True}, "main is paused: no standby takes over"),
        ({"leader": None}, "there is no leader"),
        ({"scheduled_switchover": {"at": "2030-01-01"}}, "a switchover is scheduled for 2030-01-01"),
        ({"answers": False, "error": "refused"}, "no Patroni answers: refused"),
    ],
)
def test_a_cluster_in_no_state_for_it_is_refused(other: dict[str, Any], words: str) -> None:
    said = refusal(with_patroni(healthy(), **other))
    assert said.startswith(f"no switchover now: {words}\nHINT: ") and said.endswith("; nothing was changed.")


def test_etcd_has_to_carry_it() -> None:
    silent: Any = {**(healthy().etcd or {}), "members": None}
    assert "etcd has no quorum" in refusal(replace(healthy(), etcd=silent))
    assert "etcd has no quorum" in refusal(replace(healthy(), etcd=None))
    full: Any = {**(healthy().etcd or {}), "alarms": ["NOSPACE"]}
    assert "etcd has an alarm: NOSPACE" in refusal(replace(healthy(), etcd=full))
    one_down: Any = {**(healthy().etcd or {}), "unhealthy": {"https://10.0.0.3:2379": "refused"}}
    assert plan(replace(healthy(), etcd=one_down)).remarks == ("etcd is not healthy at https://10.0.0.3:2379: refused",)


def test_a_missing_member_is_named_unless_it_is_left_out_on_purpose() -> None:
    live = healthy("pg1", "pg2")
    assert "pg3 is missing: no Patroni of it is known to etcd" in refusal(live)
    assert plan(live, without=("pg3",)).remarks == ("pg3 is left out, and has to follow later by itself",)
    assert "pg3 cannot take over from pg1: is left out by without" in refusal(live, "pg3", ("pg3",))


def test_a_leader_that_cannot_be_asked_or_touched_is_refused() -> None:
    assert "Patroni of the leader pg1 does not answer: gone" in refusal(replace(healthy(), silent={"pg1": "gone"}))
    assert "the leader pg1 is left out by --limit" in refusal(replace(healthy(), within=frozenset(("pg2",))))
    assert "the leader pg1 takes no writes" in refusal(with_postgres(healthy(), "pg1", answers=False))
    assert plan(replace(healthy(), within=frozenset(("pg1", "pg3")))).candidate == "pg3"
    assert plan(replace(healthy(), silent={"pg2": "gone"})).candidate == "pg3"


def test_a_scheduled_restart_is_in_the_way() -> None:
    assert "a restart is scheduled on pg3" in refusal(with_member(healthy(), "pg3", scheduled_restart=True))


def test_what_breaks_off_is_said_before() -> None:
    live = with_postgres(healthy(), "pg1", transactions=[{"pid": 1}], replication=[{"state": "backup"}])
    live = with_member(live, "pg3", streaming=False, state="starting")
    assert plan(live).remarks == (
        "1 transactions that are older than a minute are rolled back",
        "a backup of the leader is running, and breaks off",
        "pg3 does not stream, and is not waited for",
    )


def test_a_backup_under_way_is_not_broken_off_unasked() -> None:
    live = with_postgres(healthy(), "pg1", backup_seconds=754.0)
    assert refusal(live) == (
        "no switchover now: a backup has been under way for 12 min on pg1, and would break off\n"
        "HINT: deploys/status.py says when it is over; --data force=true does not wait, and the backup is tried again; "
        "nothing was changed."
    )
    forced = switchover_plan(a_cluster(), live, force=True)
    assert forced.remarks == ("a backup has been under way for 12 min, breaks off, and is tried again in ten minutes",)


def test_a_session_of_the_backup_on_a_standby_is_no_obstacle() -> None:
    assert plan(with_postgres(healthy(), "pg3", backup_seconds=754.0)).remarks == ()


def test_a_backlog_of_the_archive_is_said_before() -> None:
    """The new leader archives again what it has; what it has no more is missing for ever."""
    assert plan(with_postgres(healthy(), "pg1", archiver={"mode": "on", "waiting": 2})).remarks == ()
    live = with_postgres(healthy(), "pg1", archiver={"mode": "on", "waiting": 40})
    assert plan(live).remarks == ("40 segments of WAL wait for the archive; pg2 archives what it has of them",)


@st.composite
def lives(draw: st.DrawFn) -> Live:
    """Clusters in any state that the standbys' health, lag and tags can make."""
    live = healthy()
    for name in ("pg2", "pg3"):
        live = with_member(
            live,
            name,
            streaming=draw(st.booleans()),
            timeline=draw(st.sampled_from((2, 3, None))),
            synchronous=draw(st.booleans()),
            tags=draw(st.sampled_from(({}, {"nofailover": True}, {"nofailover": False}))),
        )
        lag = draw(st.integers(0, 40 * MIB))
        replay = draw(st.sampled_from(("not paused", "paused")))
        live = with_postgres(live, name, replayed=(1 << 30) - lag, replay=replay)
    return with_patroni(live, config={"synchronous_mode": draw(st.sampled_from((None, True, "quorum")))})


@settings(deadline=None)  # a busy machine is no failure
@given(lives())
def test_the_chosen_one_is_fit_and_no_fit_one_is_better(live: Live) -> None:
    fit = [name for name in ("pg2", "pg3") if not candidate_obstacles(live, name)]
    if not fit:
        refusal(live)
        return
    chosen = plan(live).candidate
    assert chosen in fit
    assert all(rank(live, chosen) <= rank(live, other) for other in fit)


@settings(deadline=None)
@given(lives(), st.sampled_from(("pg2", "pg3")))
def test_a_named_candidate_is_taken_exactly_when_it_is_fit(live: Live, name: str) -> None:
    if candidate_obstacles(live, name):
        assert refusal(live, name).startswith(f"{name} cannot take over from pg1: ")
    else:
        assert plan(live, name).candidate == name


SLOT = {"name": "reports", "type": "logical", "database": "app", "plugin": "pgoutput", "temporary": False}


def with_a_slot(**other: Any) -> Live:
    config = {"slots": {"reports": {"type": "logical", "database": "app", "plugin": "pgoutput"}}}
    return with_postgres(with_patroni(healthy(), config=config), "pg1", slots=[{**SLOT, **other}])


def test_a_candidate_that_patroni_still_copies_a_slot_to_is_refused_before_patroni_does() -> None:
    live = with_a_slot()
    assert "has no copy yet of the slot reports" in refusal(live, "pg2")
    copied = with_postgres(live, "pg2", slots=[SLOT])
    assert plan(copied, "pg2").candidate == "pg2" and plan(copied).candidate == "pg2"


@pytest.mark.parametrize("other", [{"failover": True}, {"temporary": True}, {"name": "somebody_s"}])
def test_a_slot_that_patroni_does_not_copy_is_no_obstacle(other: dict[str, Any]) -> None:
    assert candidate_obstacles(with_a_slot(**other), "pg2") == []
