"""The emergency: who can take over, what each member lacks, what is lost, and what is refused in which words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UnsafeError
from cluster.observed.member_data import SeenData
from cluster.plans.failover.loss import loss_of
from cluster.plans.failover.plan import failover_obstacles, failover_plan, refuse_loss, unfit
from cluster.plans.failover.scene import Scene
from cluster.plans.failover.text import failover_lines, member_text, outcome_notes
from tests.cluster.live_members import healthy, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster

END = 1 << 30
ON = {"synchronous_mode": True}
STRICT = {**ON, "synchronous_mode_strict": True}
QUORUM = {"synchronous_mode": "quorum"}
PRIVATE = "and only there it is known what was written at the end"


def data(at: int = END, **other: Any) -> SeenData:
    """A standby that runs. + at: how far it has received and replayed; + other: what differs"""
    control = {"identifier": "76", "state": "in archive recovery", "timeline": 3, "checkpoint": 0, "recovered": 0}
    found: dict[str, Any] = {"patroni": "active", "enabled": "enabled", "held": False, "restoring": False}
    found |= {"data": "there", "server": True, "in_recovery": True, "written": None, "received": at, "replayed": at}
    found |= {"replayed_at": "", "turns": {}, "timeline": 0, "end": 0, "whole": False, "control": control}
    return cast(SeenData, {**found, **other})


def down(at: int = END, *, led: bool = True, whole: bool = True) -> SeenData:
    """A member whose PostgreSQL is down, with its WAL read."""
    control = {**(data()["control"] or {}), "state": "in production" if led else "in archive recovery"}
    gone: dict[str, Any] = {"server": False, "in_recovery": None, "received": None, "replayed": None}
    return data(**gone, control=control, timeline=3, end=at, whole=whole)


def running_primary(at: int = END, **other: Any) -> SeenData:
    control = {**(data()["control"] or {}), "state": "in production"}
    return data(in_recovery=False, written=at, received=None, replayed=None, control=control, **other)


def scene(
    members: Mapping[str, SeenData | None],
    config: Mapping[str, Any] | None = None,
    *,
    paused: bool = False,
    **keys: Any,
) -> Scene:
    """
    pg1 led last and is gone from etcd; pg2 and pg3 run.

    + members: what differs of their data; + keys: of etcd, beside the history
    """
    history = [[1, END, "no recovery target specified", "2026-01-01", "pg2"], [2, END, "", "2026-01-02", "pg1"]]
    stored = {"history": history, **keys}
    live = healthy()
    listed = {name: one for name, one in live.patroni["members"].items() if name != "pg1"}
    live = with_patroni(live, leader=None, members=listed, config=dict(config or {}), paused=paused)
    etcd: Any = {
        **cast(Any, live.etcd),
        "keys": {f"/service/main/{name}": json.dumps(one) for name, one in stored.items()},
    }
    live = replace(
        live, etcd=etcd, silent={"pg1": "its host cannot be reached"}, postgres={**live.postgres, "pg1": None}
    )
    return Scene(a_cluster(), live, {"pg1": None, "pg2": data(), "pg3": data(), **members})


def with_leader(seen: Scene, *, answers: bool) -> Scene:
    """The same while pg1 holds the leader's key."""
    live = with_patroni(healthy(), config=seen.live.patroni["config"])
    live = live if answers else replace(with_postgres(live, "pg1", in_recovery=None), silent={"pg1": "timed out"})
    return replace(seen, live=replace(live, etcd=seen.live.etcd))


def reasons(seen: Scene) -> list[str]:
    return [one.reason for one in failover_obstacles(seen)]


def refusal(seen: Scene, candidate: str | None = None) -> str:
    with pytest.raises(UnsafeError) as refused:
        failover_plan(seen, candidate)
    return str(refused.value)


# --- Who takes over ---


def test_the_one_that_is_furthest_takes_over() -> None:
    assert failover_plan(scene({"pg2": data(END - 100)})).candidate == "pg3"
    assert failover_plan(scene({"pg3": data(END - 100)})).candidate == "pg2"


def test_of_equals_the_one_that_commits_waited_for_takes_over() -> None:
    assert failover_plan(scene({}, ON, sync={"leader": "pg1", "sync_standby": "pg3"})).candidate == "pg3"


def test_another_one_takes_over_when_it_is_named() -> None:
    plan = failover_plan(scene({"pg2": data(END - 100)}), "pg2")
    assert (plan.candidate, plan.leader, plan.timeline, plan.loss.missing) == ("pg2", "pg1", 3, 100)


@given(st.integers(0, END), st.integers(0, END))
def test_no_other_fit_member_has_more_than_the_chosen_one(second: int, third: int) -> None:
    seen = scene({"pg2": data(second), "pg3": data(third)})
    assert seen.positions[failover_plan(seen).candidate].reach == max(second, third)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda seen: replace(seen, data={**seen.data, "pg3": None}), "cannot be reached"),
        (lambda seen: replace(seen, live=replace(seen.live, within=frozenset(("pg2",)))), "is left out by --limit"),
        (
            lambda seen: replace(seen, live=replace(seen.live, silent={"pg3": "connection refused"})),
            "has a Patroni that does not answer: connection refused",
        ),
        (
            lambda seen: replace(seen, live=with_patroni(seen.live, members={})),
            "has no Patroni that etcd knows of",
        ),
        (
            lambda seen: replace(
                seen, data={**seen.data, "pg3": down()}, live=with_member(seen.live, "pg3", state="start failed")
            ),
            "has a PostgreSQL that does not answer: start failed",
        ),
        (
            lambda seen: replace(seen, live=with_member(seen.live, "pg3", tags={"nofailover": True})),
            "has the tag nofailover",
        ),
        (lambda seen: replace(seen, data={**seen.data, "pg3": running_primary()}), "is a primary"),
        (
            lambda seen: replace(
                seen,
                data={**seen.data, "pg3": data(control={**(data()["control"] or {}), "timeline": 2})},
                live=with_member(seen.live, "pg3", timeline=2),
            ),
            "is on timeline 2, and another member led on 3",
        ),
    ],
    ids=["away", "limit", "silent", "unknown", "down", "nofailover", "primary", "older timeline"],
)
def test_why_a_member_cannot_take_over(spoil: Any, reason: str) -> None:
    assert unfit(spoil(scene({})), "pg3") == reason


def test_a_standby_whose_control_file_is_late_is_on_the_timeline_that_patroni_asked_it_for() -> None:
    late = data(control={**(data()["control"] or {}), "timeline": 2})
    assert unfit(scene({"pg3": late}), "pg3") == ""


def test_a_candidate_that_cannot_is_refused_with_the_one_that_can() -> None:
    assert refusal(scene({"pg3": None}), "pg3") == (
        "no failover now: pg3 cannot be reached\nHINT: pg2 can: leave the candidate out."
    )


def test_without_any_that_can_every_member_is_named() -> None:
    seen = scene({"pg3": None})
    assert refusal(replace(seen, live=with_member(seen.live, "pg2", tags={"nofailover": True}))) == (
        "no failover now: no member of main can take over\n  pg1: cannot be reached\n  pg2: has the tag nofailover\n"
        "  pg3: cannot be reached\nHINT: bring one of them back; `pyinfra inventory.py deploys/start.py` starts the "
        "one with the newest data first."
    )


# --- What is lost ---


def test_a_former_leader_whose_wal_was_read_says_exactly_what_is_lost() -> None:
    loss = loss_of(scene({"pg1": down(END + 500)}), "pg2")
    assert (loss.text, loss.is_at_stake) == ("the last 500 bytes of WAL, which pg1 has", True)
    loss = loss_of(scene({"pg1": down(END)}), "pg2")
    assert (loss.text, loss.is_at_stake) == ("nothing: it has all that was written", False)


def test_wal_that_was_not_read_to_its_end_may_have_more() -> None:
    loss = loss_of(scene({"pg1": down(END, whole=False)}), "pg2")
    assert loss.text == "perhaps the last writes: the WAL on pg1 could not be read to its end" and loss.is_at_stake


def test_of_a_former_leader_that_is_away_only_what_it_noted_is_known() -> None:
    loss = loss_of(scene({}, status={"optime": END + 700}), "pg2")
    assert loss.text == (
        f"at least the last 700 bytes of WAL, which pg1 noted in etcd to have written; pg1 led last, {PRIVATE}"
    )
    loss = loss_of(scene({}, status={"optime": END - 700}), "pg2")
    assert loss.text == f"perhaps the last writes: pg1 led last, {PRIVATE}" and loss.is_at_stake


def test_another_standby_that_is_further_has_what_is_lost() -> None:
    assert loss_of(scene({"pg1": down(END), "pg3": data(END + 9)}), "pg2").text == (
        "the last 9 bytes of WAL, which pg3 has"
    )


def test_where_etcd_does_not_know_who_led_each_that_is_away_may_have() -> None:
    loss = loss_of(scene({"pg3": None}, history=[]), "pg2")
    assert loss.text == f"perhaps the last writes: pg1, pg3 may have led, {PRIVATE}"
    assert not loss_of(scene({"pg1": down()}, history=[]), "pg2").is_at_stake


def test_a_former_leader_that_follows_by_now_loses_nothing() -> None:
    assert not loss_of(scene({"pg1": data(END)}), "pg1").is_at_stake


def test_a_synchronous_standby_has_all_that_was_acknowledged() -> None:
    seen = scene(
        {"pg3": data(END - 100)}, ON, sync={"leader": "pg1", "sync_standby": "pg2"}, status={"optime": END + 7}
    )
    loss = loss_of(seen, "pg2")
    assert not loss.is_at_stake and loss.text == (
        "nothing that was acknowledged: commits waited for pg2; the last 7 bytes, which pg1 noted in etcd to have "
        "written, were never acknowledged"
    )
    assert loss_of(seen, "pg3").is_at_stake


def test_who_has_as_much_as_a_synchronous_standby_has_all_too() -> None:
    seen = scene({"pg3": data(END + 5)}, STRICT, sync={"leader": "pg1", "sync_standby": "pg2"})
    assert loss_of(seen, "pg3").text == "nothing that was acknowledged: commits waited for pg2, which has no more"


@pytest.mark.parametrize("lost", [None, down(END + 100, led=False), down(END, led=False, whole=False)])
def test_a_synchronous_standby_that_is_lost_or_has_more_proves_nothing_for_another(lost: SeenData | None) -> None:
    seen = scene({"pg2": lost}, STRICT, sync={"leader": "pg1", "sync_standby": "pg2"})
    assert loss_of(seen, "pg3").is_at_stake


def test_without_a_synchronous_standby_the_leader_wrote_alone() -> None:
    assert loss_of(scene({}, ON, sync={"leader": "pg1", "sync_standby": None}), "pg2").is_at_stake


def test_what_etcd_noted_of_a_mode_that_is_off_is_of_no_use() -> None:
    assert loss_of(scene({}, {}, sync={"leader": "pg1", "sync_standby": "pg2"}), "pg2").is_at_stake


@pytest.mark.parametrize(
    ("third", "quorum", "at_stake"),
    [(data(END), 1, False), (data(END + 1), 1, True), (None, 1, True), (None, 0, False)],
    ids=["both have no more", "the other has more", "the other is away", "each commit is on both"],
)
def test_with_quorum_so_many_have_to_be_asked_as_patroni_asks(
    third: SeenData | None, quorum: int, at_stake: bool
) -> None:
    sync = {"leader": "pg1", "sync_standby": "pg2,pg3", "quorum": quorum}
    loss = loss_of(scene({"pg3": third}, QUORUM, sync=sync), "pg2")
    assert loss.is_at_stake is at_stake


def test_who_was_not_asked_needs_one_more() -> None:
    sync = {"leader": "pg1", "sync_standby": "pg2", "quorum": 0}
    assert not loss_of(scene({}, QUORUM, sync=sync), "pg3").is_at_stake
    assert loss_of(scene({"pg2": None}, QUORUM, sync=sync), "pg3").is_at_stake


def test_a_loss_is_refused_with_both_fixes() -> None:
    with pytest.raises(UnsafeError) as refused:
        refuse_loss("main", failover_plan(scene({})))
    assert str(refused.value) == (
        "no failover now: pg2 may lack writes that were acknowledged: perhaps the last writes: pg1 led last, "
        f"{PRIVATE}\n"
        "HINT: bring pg1 back, which loses nothing; or give them up with --data confirm=main; nothing was changed."
    )
    refuse_loss("main", failover_plan(scene({"pg1": down()})))


# --- What is in the way ---


def test_a_cluster_without_a_leader_has_nothing_in_the_way() -> None:
    assert reasons(scene({})) == []
    assert reasons(scene({}, paused=True)) == []
    assert reasons(with_leader(scene({}), answers=False)) == []


def test_a_leader_that_answers_is_switched_over_from() -> None:
    (found,) = failover_obstacles(with_leader(scene({"pg1": running_primary()}), answers=True))
    assert (found.reason, found.hint) == (
        "pg1 leads main and takes writes",
        "`pyinfra inventory.py deploys/switchover.py` lets another member lead, and loses nothing",
    )


def test_without_etcd_nothing_else_matters() -> None:
    seen = scene({"pg1": running_primary()})
    (found,) = failover_obstacles(replace(seen, live=replace(seen.live, etcd=None)))
    assert found.reason == "etcd has no quorum: it does not answer, and without it no member can lead"
    assert "deploys/etcd_restore.py" in found.hint


def test_a_primary_without_the_leaders_key_is_stopped_first() -> None:
    (found,) = failover_obstacles(scene({"pg1": running_primary()}))
    assert found.reason == "PostgreSQL on pg1 still takes writes: there would be two primaries"
    end = "systemctl kill --kill-who=main --signal=KILL patroni"
    assert found.hint == (
        f"let its Patroni lead again, `{end}; systemctl start patroni` on pg1, which loses nothing; or stop it for "
        f"good: `{end}; systemctl stop patroni; runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_ctl stop -D "
        "/var/lib/postgresql/17/main -m fast`"
    )


def test_one_that_answers_as_a_primary_is_one_whatever_its_files_say() -> None:
    assert reasons(scene({"pg1": running_primary(server=False)})) == [
        "PostgreSQL on pg1 still takes writes: there would be two primaries"
    ]


def test_one_that_was_a_primary_and_does_not_answer_might_be_one() -> None:
    frozen = cast(SeenData, {**running_primary(), "in_recovery": None})
    assert reasons(scene({"pg1": frozen})) == [
        "PostgreSQL on pg1 runs and does not answer, and was a primary: there might be two primaries"
    ]
    assert reasons(scene({"pg3": data(in_recovery=None)})) == []  # a standby that starts
    assert len(reasons(scene({"pg3": data(in_recovery=None, control=None)}))) == 1


def test_a_leader_that_holds_the_key_is_asked_by_patroni_to_step_down() -> None:
    """It stops its PostgreSQL before another member gets the key."""
    assert reasons(with_leader(scene({"pg1": running_primary()}), answers=False)) == []


def test_a_standby_cluster_takes_no_writes() -> None:
    config = {"standby_cluster": {"host": "10.9.0.1"}}
    (found,) = failover_obstacles(scene({}, config))
    assert found.reason == "main is a standby cluster: it takes no writes, so none can be lost"
    assert "failover main --candidate NAME --force` on a member" in found.hint


def test_a_restore_that_is_not_finished_is_in_the_way() -> None:
    seen = scene({})
    (reason,) = reasons(replace(seen, live=with_postgres(seen.live, "pg3", restoring=True)))
    assert reason.startswith("a restore is not finished")


# --- What is said ---


def test_the_plan_names_every_member_with_what_it_lacks() -> None:
    seen = scene({"pg3": data(END - 100, replayed=END - 140)}, STRICT, sync={"leader": "pg1", "sync_standby": "pg2"})
    assert failover_lines(seen, failover_plan(seen)) == [
        "Failover of main: pg2 becomes the leader",
        "  state  no leader; pg1 led last",
        "  pg1    cannot be reached",
        "  pg2    synchronous, timeline 3, 0/40000000",
        "  pg3    standby, timeline 3, 0/3FFFFF9C, 100 bytes behind, 40 bytes to replay first",
        "  LOST   nothing that was acknowledged: commits waited for pg2",
        "  note   pg1 cannot be reached: be sure that it is off; a living Patroni stops PostgreSQL within its ttl",
        "  note   pg1 is rewound by its Patroni when it comes back, and follows; what only it has is gone then",
    ]


def test_in_a_pause_the_end_of_it_may_be_the_better_fix() -> None:
    seen = scene({"pg1": down(END + 7)}, paused=True)
    listed = {**seen.live.patroni["members"], "pg1": {**healthy().patroni["members"]["pg1"], "state": "stopped"}}
    lines = failover_lines(replace(seen, live=with_patroni(seen.live, members=listed)), failover_plan(seen))
    assert lines[1] == "  state  no leader; pg1 led last, and the cluster is paused: Patroni elects none"
    assert lines[-1] == (
        "  note   with `pyinfra inventory.py deploys/resume.py` instead of this, Patroni starts pg1 again, and nothing "
        "is lost"
    )


def test_a_leader_that_is_silent_is_said_to_hold_the_key() -> None:
    seen = with_leader(scene({"pg1": None}), answers=False)
    assert failover_lines(seen, failover_plan(seen))[1] == "  state  pg1 holds the leader's key and does not answer"


def test_a_standby_that_is_lost_may_be_ahead_and_not_be_rewound() -> None:
    seen = scene({"pg3": None})
    assert failover_lines(seen, failover_plan(seen))[-1] == (
        "  note   pg3 may be ahead of pg2: if it comes back and does not follow, "
        "`pyinfra inventory.py deploys/reinit_node.py --data node=pg3` makes a new copy"
    )


def test_who_led_may_be_unknown() -> None:
    seen = scene({}, history=[])
    assert failover_lines(seen, failover_plan(seen))[1] == (
        "  state  no leader; etcd does not know which member led last"
    )


def test_a_member_that_cannot_take_over_is_shown_with_its_data_and_its_reason() -> None:
    assert member_text(scene({"pg1": down(END + 1)}), "pg1") == (
        "down, timeline 3, 0/40000001; has a Patroni that does not answer: its host cannot be reached"
    )


def test_what_is_left_to_do() -> None:
    assert outcome_notes(scene({}), synchronous=False) == [
        "  next   take a backup: deploys/backup.py",
        "  next   what is wrong now: deploys/check.py",
    ]
    told = outcome_notes(scene({}, STRICT, paused=True), synchronous=False)
    assert told[0] == (
        "  next   COMMITS WAIT: the mode is strict, and no standby is synchronous. Bring one back, or declare "
        "patroni_synchronous_mode_strict = False and run deploys/configure.py"
    )
    assert told[1] == "  next   main is still paused: deploys/resume.py"
    assert len(outcome_notes(scene({}, STRICT), synchronous=True)) == 2
