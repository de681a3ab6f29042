"""A fresh host takes the place of a lost one: what makes way for it, what is refused, and a run that was cut off."""

from __future__ import annotations

import pytest

from cluster.errors import ConfigError, UnsafeError
from cluster.plans.replace_node import refuse_irreplaceable
from operations.runs.replace_node import clear_markers, remove_lost_member
from tests.world.hosts import fake_cluster, run_operation
from tests.world.removal_world import RemovalWorld


@pytest.fixture
def world() -> RemovalWorld:
    """h3 is lost, and a fresh host has its name and address."""
    found = RemovalWorld(fake_cluster())
    found.die("h3")
    found.come("h3")
    return found


def replace_third(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> list[str]:
    run_operation(monkeypatch, world, world.cluster, remove_lost_member, newcomer="h3")
    return world.done


def refusal(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> str:
    with pytest.raises(UnsafeError) as refused:
        replace_third(monkeypatch, world)
    assert world.done == []
    return str(refused.value)


def build(world: RemovalWorld) -> None:
    """What the build does that follows, as far as it matters here."""
    world.join_etcd("h3")
    world.running.add("h3")
    world.keys["/service/main/members/h3"] = "{}"


def test_the_lost_one_leaves_etcd_and_is_noted_first(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    assert replace_third(monkeypatch, world) == ["note h1", "out of etcd h1"]
    assert sorted(world.voters.values()) == ["h1", "h2"]


def test_when_it_is_in_its_place_the_note_goes_and_a_second_run_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld
) -> None:
    replace_third(monkeypatch, world)
    build(world)
    run_operation(monkeypatch, world, world.cluster, clear_markers, names=["h3"], replaced=True)
    assert [key for key in world.keys if "replaced" in key] == []
    world.done.clear()
    assert replace_third(monkeypatch, world) == []
    run_operation(monkeypatch, world, world.cluster, clear_markers, names=["h3"], replaced=True)
    assert world.done == []


@pytest.mark.parametrize("act", ["note", "out of etcd"])
def test_cut_off_after_any_act_the_next_run_finishes(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, act: str
) -> None:
    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks[act] = cut
    with pytest.raises(KeyboardInterrupt):
        replace_third(monkeypatch, world)
    replace_third(monkeypatch, world)
    assert world.done == ["note h1", "out of etcd h1"]


def test_cut_off_in_the_build_the_fresh_membership_stays(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    replace_third(monkeypatch, world)
    world.join_etcd("h3")
    world.files["h3"].add(f"{world.cluster.data_directory}/PG_VERSION")
    world.done.clear()
    assert replace_third(monkeypatch, world) == []
    assert sorted(world.voters.values()) == ["h1", "h2", "h3"]


def test_a_host_that_is_lost_again_is_judged_anew(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    replace_third(monkeypatch, world)
    world.join_etcd("h3")
    (second,) = [one for one, name in world.voters.items() if name == "h3"]
    world.die("h3")
    world.come("h3")
    world.done.clear()
    assert replace_third(monkeypatch, world) == ["note h1", "out of etcd h1"]
    assert second not in world.voters


def test_a_slot_that_is_lost_goes_and_others_stay(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.lost = {"h3"}
    assert replace_third(monkeypatch, world)[2:] == ["drop slot h1", "drop slot h2"]
    assert world.slots["h1"] == {"h2"}


def test_a_host_whose_patroni_may_run_is_not_replaced(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.keys["/service/main/members/h3"] = "{}"
    assert refusal(monkeypatch, world) == (
        "h3 is not replaced now: its Patroni is known to etcd, so it runs, or died less than 30 s ago\n"
        "HINT: wait 30 s if it is lost for good; only such a host is replaced; nothing was changed."
    )


def test_an_old_host_that_answers_at_its_address_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld
) -> None:
    world.was_at = {"c": "10.0.0.33"}
    world.answering = {"10.0.0.33"}
    assert "the old host still answers at 10.0.0.33, port" in refusal(monkeypatch, world)
    world.answering.clear()
    assert replace_third(monkeypatch, world) == ["note h1", "out of etcd h1"]


def test_a_host_with_data_is_no_fresh_one(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.files["h3"].add("/var/lib/etcd/main/member")
    assert "the host is not fresh: it has /var/lib/etcd/main/member" in refusal(monkeypatch, world)


def test_etcd_s_quorum_is_never_given_up(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.unhealthy = {"h3", "h2"}
    world.voters["f"] = "h2"
    assert "are needed" in refusal(monkeypatch, world)


def test_nobody_joins_a_cluster_that_nobody_leads(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.leader, world.paused = None, True
    said = refusal(monkeypatch, world)
    assert said.startswith("h3 is not replaced now, for 2 reasons; nothing was changed:\n  there is no leader\n")
    assert "\n  main is paused: no standby takes over\n" in said


def test_a_leader_that_will_change_in_the_middle_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld
) -> None:
    world.scheduled = {"at": "noon"}
    assert "h3 is not replaced now: a switchover is scheduled for noon\n" in refusal(monkeypatch, world)


def test_the_last_of_its_kind_is_not_replaced() -> None:
    cluster = fake_cluster(1)
    with pytest.raises(ConfigError, match=r"^h1 is the only host of main with PostgreSQL and etcd: nothing is left"):
        refuse_irreplaceable(cluster, cluster.node("h1"))
