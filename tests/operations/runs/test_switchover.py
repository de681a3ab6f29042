"""Switchover, pause and rebuild as procedures: what is done to whom, and what stops them on the way."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UnsafeError
from operations.acts import copies, leadership
from operations.runs import pause, reinit_node, switchover
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.switchover_world import SwitchoverWorld

SWITCHED = '/switchover h1 {"leader": "h1", "candidate": "h2"}'


@pytest.fixture
def world() -> SwitchoverWorld:
    """Three members, of which the first leads."""
    return SwitchoverWorld(["h1", "h2", "h3"], "h1")


def act(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld, operation: Any, **arguments: Any) -> list[str]:
    """Run it on three hosts. Returns those that it changed."""
    return changed(run_operation(monkeypatch, world, fake_cluster(), operation, **arguments))


def refusal(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld, operation: Any, **arguments: Any) -> str:
    """What it says when it refuses."""
    with pytest.raises(UnsafeError) as refused:
        act(monkeypatch, world, operation, **arguments)
    return str(refused.value)


def test_checkpoints_then_one_request_then_proof_by_a_write(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    assert act(monkeypatch, world, switchover.switchover) == ["h1"]
    assert world.done == ["CHECKPOINT h1", "CHECKPOINT h2", SWITCHED, "create temporary h2"]


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    act(monkeypatch, world, switchover.switchover, candidate="h2")
    world.done.clear()
    assert act(monkeypatch, world, switchover.switchover, candidate="h2") == []
    assert world.done == []


def test_a_leader_that_has_not_named_its_synchronous_standby_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.config, world.will_be_synchronous = {"synchronous_mode": True}, {"h3"}
    assert act(monkeypatch, world, switchover.switchover) == ["h1"]
    assert world.leader == "h3"


def test_nobody_takes_over_where_nobody_becomes_synchronous(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.config = {"synchronous_mode": True}
    said = refusal(monkeypatch, world, switchover.switchover)
    assert "  h2: is not synchronous, and the cluster is\n" in said and world.done == []


def test_a_leader_that_moves_between_look_and_act_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.hooks["CHECKPOINT"] = lambda: world.lead("h3")
    assert refusal(monkeypatch, world, switchover.switchover, candidate="h2") == (
        "the leader was h1 and is h3 now\nHINT: nothing was switched; run again to plan again."
    )
    assert SWITCHED not in world.done


def test_a_candidate_that_falls_behind_between_look_and_act_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.hooks["CHECKPOINT"] = lambda: world.lame.update(h2="starting")
    said = refusal(monkeypatch, world, switchover.switchover)
    assert said.startswith("h2 cannot take over from h1: does not stream: starting; is on timeline 1")
    assert SWITCHED not in world.done


def test_a_backup_that_begins_between_look_and_act_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.hooks["CHECKPOINT"] = lambda: setattr(world, "backup_seconds", 3.0)
    assert "a backup has been under way for 0 min" in refusal(monkeypatch, world, switchover.switchover)
    assert SWITCHED not in world.done
    assert act(monkeypatch, world, switchover.switchover, force=True) == ["h1"]
    assert world.leader == "h2"


@pytest.mark.parametrize(
    ("status", "text"),
    [(412, "switchover is not possible: no good candidates have been found"), (503, "Switchover failed")],
)
def test_patroni_s_refusal_is_passed_on_in_its_words(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld, status: int, text: str
) -> None:
    world.answers["/switchover"] = (status, text)
    assert refusal(monkeypatch, world, switchover.switchover) == (
        f"Patroni did not switch over to h2: {text} (status {status})\n"
        "HINT: h1 leads as before; 'journalctl -u patroni' on both members says more."
    )
    assert world.done[-1] == SWITCHED


@pytest.mark.parametrize("status", [0, 503])
def test_an_answer_that_comes_too_late_does_not_hide_that_it_worked(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld, status: int
) -> None:
    world.answers["/switchover"] = (status, "Switchover status unknown")
    world.hooks["/switchover"] = lambda: world.lead("h2")
    assert act(monkeypatch, world, switchover.switchover) == ["h1"]
    assert world.done[-1] == "create temporary h2"


def test_another_member_than_the_candidate_is_gone_on_with_and_said(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(leadership, "print_lines", lambda lines: shown.extend(lines))
    world.answers["/switchover"] = (200, 'Switched over to "h3" instead of "h2"')
    world.hooks["/switchover"] = lambda: world.lead("h3")
    assert act(monkeypatch, world, switchover.switchover) == ["h1"]
    assert world.done[-1] == "create temporary h3"
    assert shown[-1] == '  note   Patroni: Switched over to "h3" instead of "h2"'


def test_a_candidate_that_dies_leaves_the_cluster_to_patroni_and_says_so(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    def die() -> None:
        world.leader = None
        world.dead.add("h2")

    world.answers["/switchover"] = (503, "Switchover status unknown")
    world.hooks["/switchover"] = die
    said = refusal(monkeypatch, world, switchover.switchover)
    assert said.startswith("main has no leader after 20 s; Patroni answered 503: Switchover status unknown\nHINT: ")


def test_a_member_that_does_not_follow_is_named(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    world.hooks["/switchover"] = lambda: world.lame.update(h1="start failed")
    assert refusal(monkeypatch, world, switchover.switchover) == (
        "h2 leads, and h1 does not follow after 120 s: start failed, on timeline 1; the leader is on 4\n"
        "HINT: the last lines of h1 stand above; `pyinfra inventory.py deploys/reinit_node.py --data node=h1` makes a "
        "new copy."
    )


def test_a_standby_cluster_is_led_by_another_member_on_the_same_timeline(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(leadership, "print_lines", lambda lines: shown.extend(lines))
    world.follows = True
    assert act(monkeypatch, world, switchover.switchover) == ["h1"]
    assert world.done == ["CHECKPOINT h1", "CHECKPOINT h2", SWITCHED, "follows h2"]
    assert shown[0].startswith("h2 leads main, h1 follows: all stream within ")


def test_a_standby_cluster_whose_leader_stays_is_refused_in_patroni_s_words(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.follows, world.answers["/switchover"] = True, (503, "Switchover failed")
    said = refusal(monkeypatch, world, switchover.switchover)
    assert said.startswith("Patroni did not switch over to h2: Switchover failed (status 503)\n")


def test_limit_leaves_a_member_out_of_the_choice(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    assert act(monkeypatch, world, switchover.switchover, limit=("h1", "h3")) == ["h1"]
    assert world.leader == "h3"


def test_a_leader_that_limit_leaves_out_is_not_touched(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    assert refusal(monkeypatch, world, switchover.switchover, limit=("h2", "h3")) == (
        "no switchover now: the leader h1 is left out by --limit\nHINT: omit --limit; nothing was changed."
    )
    assert world.done == []


def test_a_dead_member_is_left_out_only_on_purpose(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    world.dead.add("h3")
    said = refusal(monkeypatch, world, switchover.switchover)
    assert said.startswith("no switchover now: h3 is missing: no Patroni of it is known to etcd\n")
    assert act(monkeypatch, world, switchover.switchover, without=("h3",)) == ["h1"]
    assert world.leader == "h2"


def test_a_pause_is_set_once_and_ended_once(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    assert act(monkeypatch, world, pause.pause) == ["h1"]
    assert act(monkeypatch, world, pause.pause) == []
    assert act(monkeypatch, world, pause.resume) == ["h1"]
    assert act(monkeypatch, world, pause.resume) == []
    assert world.done == ['/config h1 {"pause": true}', '/config h1 {"pause": null}']


def test_a_pause_without_a_leader_is_refused_and_its_end_is_not(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.leader = None
    assert refusal(monkeypatch, world, pause.pause) == (
        "cluster main has no leader, and while it is paused it gets none\nHINT: wait for the election."
    )
    world.paused = True
    assert act(monkeypatch, world, pause.resume) == ["h1"]


def test_a_member_that_does_not_see_the_pause_is_named(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    world.sees_pause["h3"] = False
    said = refusal(monkeypatch, world, pause.pause)
    assert said.startswith("h3 has not seen the pause after 30 s\nHINT: ")


def test_a_spoiled_member_is_made_anew(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    world.lame["h3"] = "start failed"
    assert act(monkeypatch, world, reinit_node.reinit, member="h3") == ["h1"]
    assert world.done == ['/reinitialize h3 {"force": true}']


def test_a_copy_finds_a_directory_for_each_tablespace(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    """PostgreSQL could not make them, and Patroni would try for ever."""
    world.lame["h3"] = "start failed"
    world.places = {"/srv/a": "held", "/srv/b": "absent"}
    act(monkeypatch, world, reinit_node.reinit, member="h3")
    assert world.done == ["install -d h3", '/reinitialize h3 {"force": true}']


def test_no_copy_is_begun_without_the_file_system_of_a_tablespace(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.lame["h3"] = "start failed"
    world.places = {"/srv/a": "lost"}
    with pytest.raises(UnsafeError) as refused:
        act(monkeypatch, world, reinit_node.reinit, member="h3")
    assert "h3 has no directory above /srv/a" in str(refused.value)
    assert world.done == []


def test_a_copy_that_is_under_way_is_waited_for_and_not_begun_again(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.lame["h3"] = "creating replica"
    looks = iter(range(10))
    monkeypatch.setattr(
        copies.Copying, "goes_on", lambda *_: bool(next(looks) < 2 or world.lame.pop("h3", None) or True)
    )
    assert act(monkeypatch, world, reinit_node.reinit, member="h3") == []
    assert world.done == []


def test_a_copy_that_does_not_grow_ends_the_run(monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld) -> None:
    monkeypatch.setattr(copies, "PATIENCE_SECONDS", 0)
    world.lame["h3"] = "start failed"
    world.answers["/reinitialize"] = (200, "reinitialize started")
    assert refusal(monkeypatch, world, reinit_node.reinit, member="h3").startswith(
        "h3 does not stream: start failed\nHINT: the last lines of h3 stand above"
    )


def test_patroni_s_refusal_to_make_a_member_anew_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, world: SwitchoverWorld
) -> None:
    world.lame["h3"] = "start failed"
    world.answers["/reinitialize"] = (503, "restarting after failure already in progress")
    assert refusal(monkeypatch, world, reinit_node.reinit, member="h3").startswith(
        "Patroni did not rebuild h3: restarting after failure already in progress (status 503)\nHINT: "
    )
