"""The ordered restart as a procedure: who is restarted in which order, and what stops it on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError

from cluster.errors import UnsafeError
from operations.runs import restart_pending
from tests.cluster.simulated_cluster import LOW
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.restart_world import RestartWorld


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the procedure says: its plan, and a line for each thing that happened."""
    lines: list[str] = []
    monkeypatch.setattr(restart_pending, "print_lines", lambda plan: lines.extend(plan))
    monkeypatch.setattr(Host, "log", lambda _, text, *__, **___: lines.append(text))
    return lines


def act(monkeypatch: pytest.MonkeyPatch, world: RestartWorld, **arguments: Any) -> list[str]:
    """Run it on as many hosts as the world has. Returns those that it changed."""
    cluster = fake_cluster(len(world.cluster.members))
    return changed(run_operation(monkeypatch, world, cluster, restart_pending.restart_in_order, **arguments))


def refusal(monkeypatch: pytest.MonkeyPatch, world: RestartWorld, **arguments: Any) -> str:
    """What it says when it refuses."""
    with pytest.raises(UnsafeError) as refused:
        act(monkeypatch, world, **arguments)
    return str(refused.value)


# --- The order ---


@pytest.mark.parametrize("leader", ["h1", "h3"])
def test_raised_the_primary_is_the_last(monkeypatch: pytest.MonkeyPatch, leader: str) -> None:
    world = RestartWorld.of(max_connections=200)
    world["h1"].leads, world[leader].leads = False, True
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == [*sorted({"h1", "h2", "h3"} - {leader}), leader]
    assert all(one.running["max_connections"] == 200 for one in world.cluster.members)


def test_lowered_the_primary_is_the_first_and_each_standby_follows_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=50)
    world.hold(["h2", "h3"])
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h1", "~h2", "h2", "~h3", "h3"]


def test_mixed_the_primary_restarts_once_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200, max_wal_senders=5, shared_buffers="256MB")
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h2", "h3", "h1", "h2", "h3"]
    assert world.buffers == {"h1": 256, "h2": 256, "h3": 256}


def test_a_single_member_is_restarted_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(1, max_connections=50, shared_buffers="256MB")
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h1"]


def test_each_restart_is_told_its_role_and_what_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200)
    act(monkeypatch, world)
    waits = {"seconds": 300, "notice_seconds": 30, "follow_seconds": 30}
    standby = {"role": "replica", "pending": True, "late": False, **waits, "target": 1 << 30, "standbys": ["h2", "h3"]}
    assert world.given == [standby, standby, {**standby, "role": "primary"}]


def test_the_plan_is_printed_and_each_step_is_said(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    act(monkeypatch, RestartWorld.of(max_connections=200))
    assert said[0] == "main: ordered restart"
    assert said[-3:] == [f"{name} restarted in 1.5 s: max_connections" for name in ("h2", "h3", "h1")]


def test_nothing_that_waits_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = RestartWorld.of()
    assert act(monkeypatch, world) == []
    assert (world.done, said) == ([], [])


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200, max_wal_senders=5, shared_buffers="256MB")
    act(monkeypatch, world)
    world.done.clear()
    assert act(monkeypatch, world) == []
    assert world.done == []


# --- What comes in between ---


def test_a_leader_that_moves_between_look_and_act_is_planned_for_anew(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """h2 has the new value and is promoted: the old primary follows as a standby that has it too."""
    world = RestartWorld.of(shared_buffers="256MB")
    world.before["h1"] = lambda: world.lead("h2")
    assert act(monkeypatch, world) == ["h1"]
    assert "h1 was left alone: it is a replica now" in said
    assert world.done == ["h2", "h3", "h1"]
    assert [one.name for one in world.cluster.members if one.leads] == ["h2"]
    assert world.given[-1]["role"] == "replica"


def test_a_standby_that_is_promoted_before_its_restart_becomes_the_last(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = RestartWorld.of(shared_buffers="256MB")
    world.before["h2"] = lambda: world.lead("h2")
    act(monkeypatch, world)
    assert "h2 was left alone: it is a primary now" in said
    assert world.done == ["h1", "h3", "h2"]


def test_a_restart_that_somebody_else_has_done_is_not_done_again(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = RestartWorld.of(max_connections=200)
    world.before["h3"] = lambda: world.cluster.restart("h3")
    act(monkeypatch, world)
    assert "h3 was left alone: Patroni here does not say that a restart is pending" in said
    assert world.done == ["h2", "h1"]


def test_a_member_that_is_never_as_it_looks_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200)
    refused = {"asked": False, "status": 0, "text": "it is a primary now", "ready": False, "seconds": 0}
    monkeypatch.setattr(world, "_restarted", lambda *_: refused)
    assert refusal(monkeypatch, world) == (
        "h2 could not be restarted in 4 attempts\n"
        "HINT: what was in the way stands above; deploys/check.py may name the cause."
    )
    assert world.done == []


def test_a_standby_that_dies_between_two_steps_ends_the_run_before_the_primary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = RestartWorld.of(max_connections=200)
    world.after["h2"] = lambda: setattr(world["h3"], "up", False)
    assert refusal(monkeypatch, world) == (
        "no member is restarted now: h3 is down\nHINT: bring it back, or go on without it: --data without=h3."
    )
    assert world.done == ["h2"]


def test_a_host_that_dies_between_two_steps_ends_the_run_before_the_primary(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = RestartWorld.of(max_connections=200)
    world.after["h2"] = lambda: world.dead.add("h3")
    with pytest.raises(PyinfraError):
        act(monkeypatch, world)
    assert world.done == ["h2"]
    assert "[@fake/h3]" in caplog.text


def test_a_host_that_dies_while_it_restarts_ends_the_run_and_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def die() -> None:
        world.dead.add("h2")
        raise ConnectionResetError(104, "Connection reset by peer")

    world = RestartWorld.of(max_connections=200)
    world.before["h2"] = die
    with pytest.raises(PyinfraError):
        act(monkeypatch, world)
    assert world.done == []
    assert "[@fake/h2] the connection was lost: [Errno 104] Connection reset by peer" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_cluster_that_is_paused_between_two_steps_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200)
    world.after["h3"] = lambda: setattr(world, "patroni_paused", True)
    assert refusal(monkeypatch, world).startswith("no member is restarted now: main is paused: no standby takes over\n")
    assert world.done == ["h2", "h3"]


# --- When PostgreSQL does not come back ---


def test_a_canary_that_does_not_start_takes_the_values_back_and_the_primary_is_not_touched(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = RestartWorld.of(max_connections=200, max_wal_senders=5, shared_buffers="4096MB")
    world.too_much = 1024
    assert refusal(monkeypatch, world) == (
        "h2 does not start with the new max_connections, shared_buffers; the primary was not touched, the "
        "configuration is back to max_connections 100, max_wal_senders 10, shared_buffers 128MB, and h2 is well again\n"
        "HINT: its last lines stand above; declare other values in postgres_parameters."
    )
    back = {"max_connections": "100", "max_wal_senders": "10", "shared_buffers": "128MB"}
    assert world.done == ["h2", f"PATCH {json.dumps(back)}"]
    assert "last line of h2" in caplog.text
    assert world["h1"].running == LOW
    world.done.clear()
    assert act(monkeypatch, world) == []


def test_no_answer_from_patroni_is_no_excuse_for_a_canary_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request to restart takes longer than it may: it was made all the same."""
    world = RestartWorld.of(shared_buffers="4096MB")
    world["h2"].up, world.too_much = True, 1024
    world.answers["h2"] = {"asked": True, "status": 0, "text": "timed out", "ready": False, "seconds": 300}
    world.before["h2"] = lambda: setattr(world["h2"], "up", False)
    assert refusal(monkeypatch, world).startswith("h2 does not start with the new shared_buffers; ")
    assert world.done == ['PATCH {"shared_buffers": "128MB"}']


def test_a_second_standby_that_does_not_start_is_quoted_and_who_waits_to_go_back_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = RestartWorld.of(shared_buffers="4096MB")
    world.after["h2"] = lambda: setattr(world, "too_much", 1024)
    world.fatal = {"h3": "could not map anonymous shared memory: Cannot allocate memory"}
    assert refusal(monkeypatch, world).split("\n")[0] == (
        "h3 does not start with the new shared_buffers: could not map anonymous shared memory: Cannot allocate memory; "
        "the primary was not touched, the configuration is back to shared_buffers 128MB, and h3 is well again; "
        "h2 still waits for a restart back"
    )


def test_a_canary_that_stays_away_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(shared_buffers="4096MB")
    world.too_much = 64
    assert (
        refusal(monkeypatch, world)
        .split("\n")[0]
        .endswith("the configuration is back to shared_buffers 128MB, and h2 is not yet well")
    )


def test_members_that_are_known_to_be_away_do_not_make_a_cured_canary_unwell(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(shared_buffers="4096MB")
    world.too_much, world["h3"].up = 1024, False
    monkeypatch.setattr(world, "_start", _starts_all_but("h3", world))
    said = refusal(monkeypatch, world, without=["h3"], alone=True)
    assert said.split("\n")[0].endswith("and h2 is well again")


def _starts_all_but(name: str, world: RestartWorld) -> Any:
    start = world._start
    return lambda one: start(one) if one.name != name else None


def test_a_standby_that_runs_and_does_not_stream_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200)
    world.answers["h2"] = {"asked": True, "status": 200, "text": "restarted", "ready": False, "seconds": 300.1}
    assert refusal(monkeypatch, world) == (
        "h2 is not well 300.1 s after its restart: restarted; h1, h3 still wait for a restart\n"
        "HINT: the last lines of h2 stand above; fix what they name and run again."
    )
    assert world.done == []


def test_a_primary_that_does_not_come_back_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standbys have started with these values: they are not what keeps it from starting."""
    world = RestartWorld.of(max_connections=200)
    world.answers["h1"] = {"asked": True, "status": 503, "text": "restart failed", "ready": False, "seconds": 300}
    world.before["h1"] = lambda: setattr(world["h1"], "up", False)
    assert refusal(monkeypatch, world).startswith("h1 is not well 300 s after its restart: restart failed\n")
    assert world.done == ["h2", "h3"]


def test_a_restart_that_does_not_give_the_value_is_not_done_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(shared_buffers="256MB")
    world.overridden.add("h2")
    assert refusal(monkeypatch, world) == (
        "h2 was restarted and still waits for shared_buffers\nHINT: something on the host overrides the configuration: "
        "see its postgresql.auto.conf and /etc/patroni/config.yml."
    )
    assert world.done == ["h2"]


# --- What is left for a later run ---


def test_a_standby_that_does_not_replay_in_time_is_deferred_and_the_run_succeeds(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    world = RestartWorld.of(max_connections=50)
    world.hold(["h2", "h3"])
    world.hold(["h2"], never=True)
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h1", "~h2", "~h3", "h3"]
    assert said[-1] == "deferred to a later run: h2 waits to replay max_connections"
    world.never.clear()
    world["h2"].held = False
    world.cluster.replay()
    world.done.clear()
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h2"]


def test_a_standby_whose_replay_is_paused_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = RestartWorld.of(max_connections=50)
    world.hold(["h3"], never=True)
    world.paused.add("h3")
    assert "h3 could not" in refusal(monkeypatch, world)
    assert world.done == []
    assert act(monkeypatch, world, alone=True) == ["h1"]
    assert world.done == ["h1", "h2"]
    assert said[-1] == "deferred to a later run: h3 has its replay paused by hand; a restart would resume it"


# --- Options ---


def test_a_member_that_limit_leaves_out_is_a_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestartWorld.of(max_connections=200)
    assert refusal(monkeypatch, world, limit=("h1", "h2")) == (
        "no member is restarted now: --limit leaves out h3\nHINT: an ordered restart may have to touch every member."
    )
    assert world.done == []


def test_a_member_that_is_away_is_left_out_only_on_purpose(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    world = RestartWorld.of(max_connections=200)
    world["h3"].up = False
    assert refusal(monkeypatch, world).startswith("no member is restarted now: h3 is down\n")
    assert refusal(monkeypatch, world, without=["h3"]) == (
        "no member is restarted now: h2 is the last standby that could take over; h3 could not\n"
        "HINT: fix the others first ('deploys/check.py' names what they have), or accept the seconds of its restart "
        "with --data allow_no_failover=true."
    )
    assert world.done == []
    assert act(monkeypatch, world, without=["h3"], alone=True) == ["h1"]
    assert world.done == ["h2", "h1"]
    assert said[-1] == "deferred to a later run: h3 is down"


def test_what_postgresql_would_not_start_with_is_found_before_anything_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = RestartWorld.of(max_connections=25)
    sql = world._sql
    monkeypatch.setattr(world, "_sql", lambda one: {**sql(one), "connections": 21})
    assert refusal(monkeypatch, world).startswith(
        "no member is restarted now: max_connections 25 is below the 21 connections in use and 5 "
    )
    assert world.done == []


@pytest.mark.parametrize("stage", ["dry", "dry, configured"])
def test_the_plan_of_a_run_touches_nobody(monkeypatch: pytest.MonkeyPatch, said: list[str], stage: str) -> None:
    """As ``--dry`` does. With ``configured`` it is made for the configuration that the same run will bring first."""
    monkeypatch.setattr(restart_pending, "dry_run", lambda: True)
    world = RestartWorld.of(**({} if "configured" in stage else {"max_connections": 150}))
    declared = fake_cluster(postgres_parameters={"max_connections": 150})
    run_operation(monkeypatch, world, declared, restart_pending.restart_in_order, configured="configured" in stage)
    assert world.done == []
    assert any("max_connections 100 -> 150" in line for line in said)
    assert said[-1] == "decided when its turn comes: each restart, by what is seen then"
