"""The restart on demand as a procedure: who is restarted in which order, and what stops it on the way."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api import Host

from cluster.errors import UnsafeError
from operations.runs import restart
from tests.world.demand_world import DemandWorld
from tests.world.hosts import changed, fake_cluster, run_operation


@pytest.fixture
def world() -> DemandWorld:
    """Three members with nothing that waits for a restart; the first leads."""
    made = DemandWorld.of()
    assert isinstance(made, DemandWorld)
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the procedure says: its plan, and a line for each thing that happened."""
    lines: list[str] = []
    monkeypatch.setattr(restart, "print_lines", lambda plan: lines.extend(plan))
    monkeypatch.setattr(Host, "log", lambda _, text, *__, **___: lines.append(text))
    return lines


def act(monkeypatch: pytest.MonkeyPatch, world: DemandWorld, **arguments: Any) -> list[str]:
    """Run it on as many hosts as the world has. Returns those that it changed."""
    cluster = fake_cluster(len(world.cluster.members))
    return changed(run_operation(monkeypatch, world, cluster, restart.restart, **arguments))


def refusal(monkeypatch: pytest.MonkeyPatch, world: DemandWorld, **arguments: Any) -> str:
    """What it says when it refuses."""
    with pytest.raises(UnsafeError) as refused:
        act(monkeypatch, world, **arguments)
    return str(refused.value)


def test_standbys_first_one_at_a_time_and_the_leader_in_place(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld, said: list[str]
) -> None:
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h2", "h3", "h1"]
    assert [(one["role"], one["pending"]) for one in world.given] == [
        ("replica", False),
        ("replica", False),
        ("primary", False),
    ]
    assert said[0] == "main: restart on demand"
    assert said[-3:] == [f"{name} restarted in 1.5 s" for name in ("h2", "h3", "h1")]


def test_a_second_run_restarts_again(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    act(monkeypatch, world)
    assert act(monkeypatch, world) == ["h1"]
    assert world.done == ["h2", "h3", "h1"] * 2


def test_those_that_are_named_restart_and_no_others(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    act(monkeypatch, world, names=["h3"])
    assert world.done == ["h3"]


def test_by_switchover_the_old_leader_begins_anew_and_is_not_restarted_once_more(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld
) -> None:
    act(monkeypatch, world, by="switchover")
    assert world.done == ["h2", "h3", "h1 -> h2"]
    assert [one.name for one in world.cluster.members if one.leads] == ["h2"]


def test_the_leader_hands_over_to_one_that_was_restarted(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    act(monkeypatch, world, by="switchover", names=["h1", "h3"])
    assert world.done == ["h3", "h1 -> h3"]


def test_a_leader_that_moves_meanwhile_has_begun_anew_and_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld, said: list[str]
) -> None:
    def fail_over() -> None:
        world.lead("h3")
        world._begin("h1")

    world.before["h3"] = fail_over
    act(monkeypatch, world)
    assert "h3 was left alone: it is a primary now" in said
    assert world.done == ["h2", "h3"]
    assert world.given[-1]["role"] == "primary"


def test_a_member_that_dies_between_two_steps_ends_the_run_before_the_leader(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld
) -> None:
    world.after["h2"] = lambda: setattr(world["h3"], "up", False)
    assert refusal(monkeypatch, world) == (
        "no member is restarted now: h3 is down\nHINT: bring it back, or go on without it: --data without=h3."
    )
    assert world.done == ["h2"]


def test_a_cluster_that_is_paused_between_two_steps_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld
) -> None:
    world.after["h3"] = lambda: setattr(world, "patroni_paused", True)
    assert refusal(monkeypatch, world).startswith("no member is restarted now: main is paused")
    assert world.done == ["h2", "h3"]


def test_a_member_that_does_not_come_back_ends_the_run(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    world.answers["h2"] = {"asked": True, "status": 503, "text": "restart failed", "ready": False, "seconds": 30}
    assert refusal(monkeypatch, world).startswith("h2 is not well 30 s after its restart: restart failed\n")
    assert world.done == []


def test_a_restart_that_was_none_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    world.stays.add("h2")
    assert refusal(monkeypatch, world) == (
        "h2 was asked to restart, and its PostgreSQL runs since before\n"
        "HINT: `journalctl -u patroni` on it says why; then run again."
    )
    assert world.done == ["h2"]


def test_a_member_that_is_never_as_it_looks_ends_the_run(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    refused = {"asked": False, "status": 0, "text": "it is a primary now", "ready": False, "seconds": 0}
    monkeypatch.setattr(world, "_restarted", lambda *_: refused)
    assert refusal(monkeypatch, world).startswith("h2 could not be restarted in 4 attempts\n")


def test_a_raised_value_that_waits_is_left_to_the_ordered_restart(
    monkeypatch: pytest.MonkeyPatch, world: DemandWorld
) -> None:
    raised = DemandWorld.of(max_connections=200)
    assert isinstance(raised, DemandWorld)
    said = refusal(monkeypatch, raised)
    assert said.startswith("no member is restarted now: max_connections waits for a restart of h1, and in which order")
    assert raised.done == []
    act(monkeypatch, raised, names=["h2"])
    assert raised.done == ["h2"]


def test_a_member_that_is_away_is_left_out_only_on_purpose(monkeypatch: pytest.MonkeyPatch, world: DemandWorld) -> None:
    world["h3"].up = False
    assert refusal(monkeypatch, world).startswith("no member is restarted now: h3 is down\n")
    act(monkeypatch, world, without=["h3"], alone=True)
    assert world.done == ["h2", "h1"]
