"""A whole cluster stopped and started on simulated hosts: the order, the refusals, and a run cut off after any act."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.errors import UnsafeError
from operations.acts import last_lines
from operations.runs import services
from operations.runs import start as start_run
from operations.runs import stop as stop_run
from tests.world.hosts import fake_cluster, run_operation
from tests.world.power_world import RECORD, PowerWorld

ROLES = ("postgres", "etcd", "haproxy")


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was printed for the operator."""
    said: list[str] = []
    for module in (stop_run, start_run):
        monkeypatch.setattr(module, "print_lines", said.extend)
    return said


def world_of(**changes: Any) -> PowerWorld:
    return PowerWorld(fake_cluster(roles=ROLES), **changes)


def steps(monkeypatch: pytest.MonkeyPatch, world: PowerWorld, *called: tuple[Any, dict[str, Any]]) -> list[str]:
    world.done.clear()
    limit = [node.name for node in world.cluster if node.name not in world.dead] if world.dead else ()
    for operation, arguments in called:
        run_operation(monkeypatch, world, world.cluster, operation, limit=limit, **arguments)
    return list(world.done)


def stop(
    monkeypatch: pytest.MonkeyPatch, world: PowerWorld, *, confirmed: bool = True, force: bool = False
) -> list[str]:
    """As ``deploy_stop`` does it."""
    return steps(
        monkeypatch,
        world,
        (stop_run.announce, {"confirmed": confirmed, "force": force}),
        (services.stop_services, {"phase": "clients"}),
        (services.stop_services, {"phase": "timers"}),
        (stop_run.stop_members, {}),
        (services.stop_services, {"phase": "archive"}),
        (services.stop_services, {"phase": "etcd"}),
        (stop_run.report, {}),
    )


def start(monkeypatch: pytest.MonkeyPatch, world: PowerWorld, *without: str) -> list[str]:
    """As ``deploy_start`` does it."""
    return steps(
        monkeypatch,
        world,
        (start_run.hold_back_members, {"without": without}),
        (services.start_services, {"phase": "etcd"}),
        (services.await_quorum, {}),
        (services.start_services, {"phase": "archive"}),
        (start_run.start_newest_first, {"without": without}),
        (start_run.start_standbys, {"without": without}),
        (services.start_services, {"phase": "clients"}),
        (services.start_services, {"phase": "timers"}),
        (start_run.report, {"without": without}),
    )


def refusal(call: Any, *words: Any, **said: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        call(*words, **said)
    return str(refused.value)


def test_nobody_can_take_over_while_the_primary_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    done = stop(monkeypatch, world)
    assert sorted(done[:3]) == ["stop haproxy h1", "stop haproxy h2", "stop haproxy h3"]
    assert sorted(done[3:6]) == [f"stop etcd-snapshot.timer+postgres-logs.timer {name}" for name in ("h1", "h2", "h3")]
    assert done[6:12] == [
        "checkpoint h1",
        "hold h2",
        "hold h3",
        "stop patroni h1",
        "stop patroni h2",
        "stop patroni h3",
    ]
    assert sorted(done[12:]) == ["stop etcd h1", "stop etcd h2", "stop etcd h3"]
    assert world.is_down() and len(world.ends) == 1


def test_a_standby_that_has_received_more_than_it_replayed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that is asked to stop stops at once, and would end before the primary's last record."""
    world = world_of()
    owed: dict[str, int] = {}
    world.members["h2"].owing, world.members["h3"].owing = 500, RECORD
    world.hooks["stop patroni"] = lambda: owed.update({name: one.owing for name, one in world.members.items()})
    stop(monkeypatch, world)
    assert world.is_down() and owed == {"h1": 0, "h2": 0, "h3": 0}


def test_a_second_stop_and_a_second_start_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    stop(monkeypatch, world)
    assert stop(monkeypatch, world) == []
    start(monkeypatch, world)
    assert start(monkeypatch, world) == []


def test_without_its_name_nothing_is_stopped(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    world = world_of()
    said = refusal(stop, monkeypatch, world, confirmed=False)
    assert said == "nothing was touched\nHINT: add --data confirm=main to stop it."
    assert lines[0] == "main is stopped: 6 client connections are closed, and no new ones accepted until it starts"
    assert world.done == []


def test_hosts_boot_by_themselves_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    stop(monkeypatch, world)
    world.boot("h3", "h2")
    assert world.leader == "h2", "any of them has all writes"
    world.boot("h1")
    assert start(monkeypatch, world) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paused": True}, "main is paused: no standby takes over"),
        ({"scheduled": {"at": "12:00"}}, "a switchover is scheduled for 12:00"),
        ({"keys": {"/service/main/failover": '{"member": "h2"}'}}, "a switchover is under way"),
        ({"leader": None}, "there is no leader"),
        ({"backup": True}, "a backup has been under way for 10 min on h1, h2, h3, and would break off"),
    ],
)
def test_it_is_not_stopped_in_the_middle_of_something(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    world = world_of(**changes)
    assert refusal(stop, monkeypatch, world).startswith(f"main is not stopped now: {words}\nHINT: ")
    assert world.done == []


def test_a_backup_breaks_off_for_somebody_who_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(backup=True)
    stop(monkeypatch, world, force=True)
    assert world.is_down()


def test_a_restore_is_finished_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    world.members["h2"].restoring = True
    assert "a restore is not finished, which is noted on h2" in refusal(stop, monkeypatch, world)


def test_a_member_that_is_down_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    world = world_of()
    world.members["h3"].patroni = world.members["h3"].served = False
    world.write(500)
    stop(monkeypatch, world)
    assert world.is_down()
    assert "  note   h3 is down already" in lines
    assert "  note   h3 ended at 0/370 on timeline 3" in lines
    start(monkeypatch, world)
    assert world.leader == "h1" and len(world.ends) == 1


def test_a_member_that_lives_outside_this_run_would_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(dead={"h3"})
    said = refusal(stop, monkeypatch, world)
    assert "h3 is not in this run and etcd knows its Patroni, which would take over" in said
    world.members["h3"].patroni = world.members["h3"].served = False
    stop(monkeypatch, world)
    assert not world.members["h1"].served


@pytest.mark.parametrize(
    "act", ["stop haproxy", "checkpoint", "hold", "stop patroni", "stop etcd", "start etcd", "start patroni"]
)
@pytest.mark.parametrize("again", [stop, start])
def test_cut_off_after_any_act_either_run_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch, act: str, again: Any
) -> None:
    world = world_of()

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    if act.startswith("start"):
        stop(monkeypatch, world)
    world.hooks[act] = cut
    with pytest.raises(KeyboardInterrupt):
        (start if act.startswith("start") else stop)(monkeypatch, world)
    if again is stop and act == "start etcd":
        stop(monkeypatch, world)
        assert world.is_down()
        return
    again(monkeypatch, world)
    assert world.is_down() if again is stop else world.leader is not None
    assert again(monkeypatch, world) == []
    start(monkeypatch, world)
    assert len(world.ends) == 1 and not any(one.held for one in world.members.values())


def test_after_a_power_cut_the_one_that_led_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(leader="h3")
    world.members["h1"].served = False
    world.write(70)
    world.cut_power()
    done = start(monkeypatch, world)
    assert [act for act in done if "patroni" in act] == ["start patroni h3", "start patroni h1", "start patroni h2"]
    assert world.leader == "h3"


def test_a_host_that_booted_alone_waits_for_the_newest_data(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(leader="h3")
    world.members["h1"].served = False
    world.write(70)
    world.cut_power()
    world.boot("h1")
    assert start(monkeypatch, world)[0] == "stop patroni h1", "with etcd's quorum it would lead"
    assert world.leader == "h3"


def test_a_member_that_may_have_more_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(leader="h3", given_up={"h3"})
    world.cut_power()
    world.dead.add("h3")
    assert refusal(start, monkeypatch, world) == (
        "it is not known which member of main has the newest data: h3 is not in this run\n"
        "HINT: bring it back, or accept losing what only it has: --data without=h3."
    )
    assert world.done == []


def test_two_that_led_are_told_apart_by_etcd_or_by_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(leader="h1", given_up={"h2"})
    world.members["h2"].led = True
    world.cut_power()
    assert "h1 and h2 both led on timeline 3\nHINT: --data without=h2 begins with h1" in refusal(
        start, monkeypatch, world
    )
    world.keys["/service/main/history"] = '[[2, 1, "no recovery target specified", "2026", "h1"]]'
    start(monkeypatch, world)
    assert world.leader == "h1"


def test_data_of_another_cluster_are_never_begun_with(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    world.cut_power()
    world.members["h2"].identifier = "77"
    assert "the members of main hold different clusters: h1 has 76, h2 has 77" in refusal(start, monkeypatch, world)


def test_a_member_without_data_gets_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    world.cut_power()
    world.members["h1"].empty = True
    world.members["h2"].led = True
    start(monkeypatch, world)
    assert world.leader == "h2" and len(world.ends) == 1


def test_a_pause_of_before_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(paused=True)
    world.cut_power()
    assert "resume h1" in start(monkeypatch, world)
    assert world.leader == "h1" and not world.paused


def test_what_somebody_disabled_stays_down(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    world = world_of()
    stop(monkeypatch, world)
    world.members["h3"].enabled = "disabled"
    start(monkeypatch, world)
    assert not world.members["h3"].patroni
    assert "  note   Patroni is disabled on h3, which stays down" in lines


def test_a_stop_right_after_a_switchover_does_not_stumble_over_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patroni leaves it for some seconds, when the one that it names leads no more, and empties it for good."""
    for text in ('{"leader": "h2", "member": "h1"}', "{}", ""):
        world = world_of(keys={"/service/main/failover": text})
        stop(monkeypatch, world)
        assert world.is_down()
    under_way = world_of(keys={"/service/main/failover": '{"leader": "h1", "member": "h2"}'})
    with pytest.raises(UnsafeError, match="a switchover is under way"):
        stop(monkeypatch, under_way)


def test_a_start_that_cannot_come_about_ends_soon_in_postgresql_s_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    world.cut_power()
    monkeypatch.setattr(last_lines, "time", SimpleNamespace(monotonic=count(0, 40).__next__))
    world.fatal = {"h1": "could not map anonymous shared memory: Cannot allocate memory"}
    with pytest.raises(UnsafeError) as refused:
        start(monkeypatch, world)
    assert str(refused.value).startswith(
        "h1 has the newest data and does not lead; its PostgreSQL ended with: could not map anonymous shared memory: "
        "Cannot allocate memory\nHINT: the last lines of h1 stand above; "
    )
    assert "`pyinfra inventory.py deploys/configure.py`; then run this again." in str(refused.value)
    world.fatal = {}
    world._elect()  # Patroni tries again by itself
    start(monkeypatch, world)
    assert world.leader == "h1"


# --- A standby cluster ---


def standby_world(**changes: Any) -> PowerWorld:
    main = fake_cluster(roles=ROLES)
    source = replace(main, name="shop")
    made = PowerWorld(replace(main, source=source), **changes)
    made.members["h1"].led = False
    return made


def test_a_standby_cluster_stops_with_its_leader_last_and_starts_again(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    world = standby_world(leader="h2")
    done = stop(monkeypatch, world)
    assert [step for step in done if step.startswith("stop patroni")] == [
        "stop patroni h1",
        "stop patroni h3",
        "stop patroni h2",
    ]
    assert world.is_down() and not [step for step in done if step.startswith("hold")]
    assert "  then   PostgreSQL on the standbys, then on the standby leader" in lines
    assert lines[-1] == "main is stopped; shop goes on without it"
    start(monkeypatch, world)
    assert world.leader is not None and all(one.served for one in world.members.values())
    assert stop(monkeypatch, world) and start(monkeypatch, world)
    assert start(monkeypatch, world) == []


def test_a_standby_cluster_without_a_leader_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(stop, monkeypatch, standby_world(leader=None))
    assert "there is no leader" in said
