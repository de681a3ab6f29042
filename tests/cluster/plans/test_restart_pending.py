"""The order of restarts: a simulated PostgreSQL that obeys the real rules never gets into a state it must not be in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.obstacles import Obstacle
from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.plan import Await, Member, Restart, next_step, whole_plan
from tests.cluster.simulated_cluster import LOW, PAUSED, SimulatedMember, World, cluster_of, member


def order(members: list[Member]) -> list[str]:
    """Whom the whole plan touches, in which order; a wait is written ``~name``."""
    steps = whole_plan(members).steps
    return [
        f"~{step.member}" if isinstance(step, Await) else step.member
        for step in steps
        if not isinstance(step, Obstacle)
    ]


# --- By example ---


def test_nothing_to_change_is_no_step() -> None:
    assert order(cluster_of(3, {})) == []


def test_raised_the_standbys_come_first() -> None:
    assert order(cluster_of(3, {"max_connections": 200})) == ["pg2", "pg3", "pg1"]


def test_lowered_the_primary_comes_first_and_each_standby_after_it_has_replayed_that() -> None:
    assert order(cluster_of(3, {"max_connections": 50})) == ["pg1", "~pg2", "pg2", "~pg3", "pg3"]


def test_of_a_standby_cluster_the_leader_is_the_last_and_waits_for_no_standby() -> None:
    """What it runs with is in no WAL, so a standby that is down with a lower value could follow it all the same."""
    leader = member("pg1", True, {"max_connections": 200}, follows=True)
    low = member("pg3", wanted={"max_connections": 200}, unfit="does not stream")
    assert order([leader, member("pg2", wanted={"max_connections": 200}), low]) == []
    steps = whole_plan([leader, member("pg2", wanted={"max_connections": 200}), low], alone=True).steps
    assert [step.member for step in steps if isinstance(step, Restart)] == ["pg2", "pg1"]


def test_mixed_the_primary_restarts_once_and_each_standby_at_most_twice() -> None:
    names = order(cluster_of(3, {"max_connections": 200, "max_wal_senders": 5}))
    assert names == ["pg2", "pg3", "pg1", "~pg2", "pg2", "~pg3", "pg3"]


def test_a_neutral_setting_is_tried_on_a_standby_first() -> None:
    members = cluster_of(3, {}, others={"shared_buffers": "128MB -> 1GB"})
    assert order(members) == ["pg2", "pg3", "pg1"]
    assert [step.tries for step in whole_plan(members).restarts] == [True, True, False]


def test_a_single_member_restarts_in_place() -> None:
    assert order(cluster_of(1, {"max_connections": 50})) == ["pg1"]


def test_the_synchronous_standby_comes_last_and_a_cascading_one_before_those_it_streams_from() -> None:
    primary, second, third, fourth = cluster_of(4, {"max_connections": 200})
    members = [primary, replace(second, synchronous=True), third, replace(fourth, cascades=1)]
    assert order(members) == ["pg4", "pg3", "pg2", "pg1"]


def test_nobody_restarts_before_those_that_stream_from_it() -> None:
    primary, second, third, fourth = cluster_of(4, {"max_connections": 200})
    members = [primary, replace(second, eligible=False), replace(third, cascades=1), replace(fourth, cascades=2)]
    assert order(members) == ["pg4", "pg3", "pg2", "pg1"]


def test_a_standby_that_may_not_take_over_is_the_canary() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 200})
    assert order([primary, second, replace(third, eligible=False)])[0] == "pg3"


def test_a_standby_that_is_down_does_not_hold_a_raise_up() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 200})
    members = [primary, second, replace(third, runs=False, unfit="is down", eligible=False)]
    stopped = next_step(members)
    assert isinstance(stopped, Obstacle)
    assert stopped.reason == "pg2 is the last standby that could take over; pg3 could not"
    plan = whole_plan(members, alone=True)
    assert [step.member for step in plan.restarts] == ["pg2", "pg1"]
    assert plan.deferred == {"pg3": "is down"}


def test_a_raise_stops_before_the_primary_while_a_running_standby_cannot_be_raised() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 200})
    members = [primary, second, replace(third, unfit="does not stream", eligible=False)]
    plan = whole_plan(members, alone=True)
    assert [step.member for step in plan.restarts] == ["pg2"]
    assert plan.steps[-1] == Obstacle(
        "pg3 runs with a lower max_connections and would stop replaying: it does not stream",
        "fix pg3 or stop its Patroni, then run again",
    )


def test_a_lower_value_does_not_wait_for_a_standby_whose_replay_is_paused() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 50})
    plan = whole_plan([primary, second, replace(third, unfit=PAUSED, eligible=False)], alone=True)
    assert [step.member for step in plan.restarts] == ["pg1", "pg2"]
    assert plan.deferred == {"pg3": PAUSED}


def test_a_standby_that_was_waited_for_in_vain_is_left_for_a_later_run() -> None:
    plan = whole_plan(cluster_of(3, {"max_connections": 50}), given_up=["pg3"])
    assert [step.member for step in plan.restarts] == ["pg1", "pg2"]
    assert plan.deferred == {"pg3": "waits to replay max_connections"}


def test_the_primary_is_not_restarted_while_nobody_could_take_over() -> None:
    primary, second = cluster_of(2, {"max_connections": 50})
    members = [primary, replace(second, eligible=False)]
    assert isinstance(next_step(members), Obstacle)
    step = next_step(members, alone=True)
    assert step == Restart("pg1", ("max_connections",), leads=True)


def test_a_standby_that_stopped_replaying_for_its_low_value_is_restarted() -> None:
    """As a failover in the middle of a raise leaves it: the new primary has the new value, this one not yet."""
    high = LOW | {"max_connections": 200}
    leader = member("pg2", True, high, running=high, replayed=high)
    paused = member("pg3", False, high, eligible=False)
    assert next_step([leader, paused], alone=True) == Restart("pg3", ("max_connections",), leads=False)


# --- By simulation ---


values = st.fixed_dictionaries({name: st.sampled_from([low, low + 10, low + 20]) for name, low in LOW.items()})


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A cluster with up to five members, some of them away, whose change may have got half way already."""
    before, wanted, neutral = draw(values), draw(values), draw(st.booleans())
    members = [
        SimulatedMember(f"pg{n}", dict(before), dict(before), n == 1, neutral=neutral)
        for n in range(1, draw(st.integers(1, 5)) + 1)
    ]
    for one in members[1:]:
        fate = draw(st.sampled_from(["well", "well", "well", "down", "held"]))
        one.up, one.held = fate != "down", fate == "held"
    return World(members, wanted)


def run(world: World, steps: int = 60) -> Step_:
    """Plan and act, as the operation does, until there is nothing to do or a reason to stop."""
    given_up: set[str] = set()
    for _ in range(steps):
        step = next_step(world.view(), alone=True, given_up=given_up)
        if step is None or isinstance(step, Obstacle):
            return step
        if isinstance(step, Await):
            world.replay()
            if next(one for one in world.view() if one.name == step.member).awaits:
                given_up.add(step.member)
        else:
            world.restart(step.member)
            assert not any(one.stuck for one in world.members), f"{step} made a standby stop replaying"
    raise AssertionError("the plan does not end")


Step_ = Obstacle | None


def settled_or_told(world: World, end: Step_) -> bool:
    """Whether every member has all that is declared, or is away or named with a reason."""
    return all(one.is_done or one.unfit or isinstance(end, Obstacle) for one in world.view())


@settings(max_examples=2000, deadline=None)
@given(worlds())
def test_it_ends_with_all_applied_or_a_reason_and_no_standby_ever_stops_replaying(world: World) -> None:
    end = run(world)
    assert settled_or_told(world, end)
    if all(one.up and not one.held for one in world.members):
        assert end is None
        assert all(one.running == world.wanted and not one.neutral for one in world.members)


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_the_primary_restarts_at_most_once(world: World) -> None:
    restarts: list[str] = []
    lead, real = world.leader.name, world.restart
    world.restart = lambda name: (restarts.append(name), real(name))[1]  # type: ignore[method-assign]
    run(world)
    assert restarts.count(lead) <= 1
    assert all(restarts.count(one.name) <= 2 for one in world.members)


@settings(max_examples=800, deadline=None)
@given(worlds(), st.integers(0, 6))
def test_a_failover_between_two_steps_is_mended_by_going_on(world: World, moment: int) -> None:
    """The run is cut off, the leader changes, members come back; the next run finishes."""
    given_up: set[str] = set()
    for _ in range(moment):
        step = next_step(world.view(), alone=True, given_up=given_up)
        if not isinstance(step, Restart):
            break
        world.restart(step.member)
    world.fail_over()
    for one in world.members:
        one.held = False
        if not one.up:
            world.restart(one.name)
    world.replay()
    for _ in range(60):
        step = next_step(world.view(), alone=True)
        if step is None:
            break
        assert not isinstance(step, Obstacle), step
        if isinstance(step, Restart):
            world.restart(step.member)
        else:
            world.replay()
    assert all(one.running == world.wanted and not one.stuck for one in world.members)


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_the_printed_plan_is_what_is_done_when_nothing_interferes(world: World) -> None:
    if not all(one.up and not one.held for one in world.members):
        return
    planned = [step.member for step in whole_plan(world.view(), alone=True).restarts]
    done: list[str] = []
    real = world.restart
    world.restart = lambda name: (done.append(name), real(name))[1]  # type: ignore[method-assign]
    run(world)
    assert done == planned


@pytest.mark.parametrize("name", ORDERED)
def test_each_of_the_five_is_ordered(name: str) -> None:
    assert order(cluster_of(2, {name: LOW[name] + 50})) == ["pg2", "pg1"]
    if LOW[name]:
        assert order(cluster_of(2, {name: LOW[name] - 1})) == ["pg1", "~pg2", "pg2"]
