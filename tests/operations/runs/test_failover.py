"""The emergency as a procedure: who is asked for what, what is waited for, and what stops it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UnsafeError
from operations.acts import leadership
from operations.runs import failover
from tests.world.failover_world import END, FailoverWorld
from tests.world.hosts import changed, fake_cluster, run_operation

ALIVE = ("h2", "h3")
STRICT = {"synchronous_mode": True, "synchronous_mode_strict": True}
ASKED = '/failover h2 {"candidate": "h2"}'


@pytest.fixture
def world() -> FailoverWorld:
    """Three members, of which the first led and is gone."""
    return FailoverWorld()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed."""
    lines: list[str] = []
    for module in (failover, leadership):
        monkeypatch.setattr(module, "print_lines", lambda plan: lines.extend(plan))
    return lines


def act(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, **arguments: Any) -> list[str]:
    """Run it on the hosts that live. Returns those that it changed."""
    return changed(run_operation(monkeypatch, world, fake_cluster(), failover.failover, limit=ALIVE, **arguments))


def refusal(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, **arguments: Any) -> str:
    """What it says when it refuses."""
    with pytest.raises(UnsafeError) as refused:
        act(monkeypatch, world, **arguments)
    return str(refused.value)


def test_the_candidate_is_asked_and_proven_by_a_write(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, said: list[str]
) -> None:
    assert act(monkeypatch, world, confirmed=True) == ["h2"]
    assert world.done == [ASKED, "create temporary h2"]
    assert '-c "set synchronous_commit = local" -c "create temporary table ' in world.written
    assert said[0] == "Failover of main: h2 becomes the leader"
    assert "h2 leads main, h3 follows: timeline 3 -> 4" in said


def test_what_may_be_lost_has_to_be_confirmed(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    assert refusal(monkeypatch, world).startswith(
        "no failover now: h2 may lack writes that were acknowledged: perhaps the last writes: h1 led last, "
    )
    assert world.done == []


def test_what_loses_nothing_needs_no_confirmation(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.config, world.keys = STRICT, {"sync": {"leader": "h1", "sync_standby": "h3"}}
    world.ends["h2"] = END - 1
    assert act(monkeypatch, world) == ["h2"]
    assert world.leader == "h3"


def test_the_data_of_a_former_leader_that_is_down_are_compared(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld
) -> None:
    world.back, world.ends["h1"] = True, END + 300
    assert "the last 300 bytes of WAL, which h1 has\n" in refusal(monkeypatch, world)
    world.ends["h1"] = END
    assert act(monkeypatch, world) == ["h2"]


def test_patroni_gets_the_time_to_elect_somebody_itself(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, said: list[str]
) -> None:
    world.leader, world.elects = "h1", "h3"
    assert act(monkeypatch, world) == []
    assert world.done == [] and world.waits[0] == 30 + 2 * 10
    assert said == ["h3 leads main, Patroni elected it, or it is back: nothing is done"]


def test_without_the_leaders_key_only_the_elections_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld
) -> None:
    act(monkeypatch, world, confirmed=True)
    assert world.waits[0] == 2 * 10


def test_in_a_pause_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.paused = True
    refusal(monkeypatch, world)
    assert world.waits == []
    assert act(monkeypatch, world, confirmed=True) == ["h2"]


def test_another_one_that_was_elected_is_not_replaced(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.elects = "h3"
    said = refusal(monkeypatch, world, candidate="h2", confirmed=True)
    assert said.startswith("no failover now: h3 leads main and takes writes\n")
    assert world.done == []


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, said: list[str]) -> None:
    act(monkeypatch, world, candidate="h2", confirmed=True)
    world.done.clear()
    assert act(monkeypatch, world, candidate="h2", confirmed=True) == []
    assert world.done == [] and said[-1] == "h2 leads main, already: nothing is done"
    assert refusal(monkeypatch, world, confirmed=True).startswith("no failover now: h2 leads main and takes writes\n")


def test_a_primary_that_runs_without_the_key_is_never_joined_by_a_second(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld
) -> None:
    world.back, world.primaries, world.paused = True, {"h1"}, True
    said = refusal(monkeypatch, world, confirmed=True)
    assert said.startswith("no failover now: PostgreSQL on h1 still takes writes: there would be two primaries\n")
    assert world.done == []


def test_etcd_without_a_quorum_is_said_first(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.has_quorum = False
    said = refusal(monkeypatch, world, confirmed=True)
    assert said.startswith("no failover now: etcd has no quorum") and "deploys/etcd_restore.py" in said


def test_patroni_s_refusal_is_passed_on_in_its_words(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.refuses = (412, "failover is not possible: no good candidates have been found")
    assert refusal(monkeypatch, world, confirmed=True) == (
        "Patroni did not fail over to h2: failover is not possible: no good candidates have been found (status 412)\n"
        "HINT: nothing was changed; 'journalctl -u patroni' on h2 says more."
    )


def test_a_candidate_that_is_not_promoted_in_time_is_quoted(
    monkeypatch: pytest.MonkeyPatch, world: FailoverWorld
) -> None:
    world.back, world.refuses = True, (503, "Failover status unknown")
    said = refusal(monkeypatch, world, confirmed=True)
    assert said.startswith("main has no leader after 20 s; Patroni answered 503: Failover status unknown\n")


def test_a_member_that_does_not_follow_is_named(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld) -> None:
    world.lame.add("h3")
    assert refusal(monkeypatch, world, confirmed=True).startswith("h2 leads, and h3 does not follow after 120 s: ")


def test_that_commits_wait_is_said(monkeypatch: pytest.MonkeyPatch, world: FailoverWorld, said: list[str]) -> None:
    world.config = STRICT
    act(monkeypatch, world, confirmed=True)
    assert any("COMMITS WAIT: the mode is strict, and no standby is synchronous" in line for line in said)
