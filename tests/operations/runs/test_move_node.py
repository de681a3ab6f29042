"""A living host moves: in which order, what is refused, the way back, and a run that was cut off anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cluster.components.pg_hba import hba_lines
from cluster.declared.address import Address
from cluster.declared.model import Cluster
from cluster.errors import ConfigError, UnsafeError
from cluster.plans.move_node import refuse_immovable
from operations.acts.component import Commands
from operations.runs import move_node
from tests.world.hosts import fake_cluster, run_operation
from tests.world.removal_world import RemovalWorld

FORMER = "10.0.0.33"


@pytest.fixture
def world() -> RemovalWorld:
    """h3 lives at another address than it is declared at."""
    found = RemovalWorld(fake_cluster())
    found.was_at = {"c": FORMER}
    found.own_files = {"h3": FORMER}
    for node in found.cluster.members:
        at(found, node.name, FORMER if node.name == "h3" else str(node.address))
    return found


def at(world: RemovalWorld, name: str, address: str) -> None:
    world.keys[f"/service/main/members/{name}"] = json.dumps({"conn_url": f"postgres://{address}:5432/postgres"})


def move(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, name: str = "h3") -> list[str]:
    """The steps of the run that are its own, before the build."""
    world.done.clear()
    steps: tuple[tuple[Any, dict[str, Any]], ...] = (
        (move_node.begin, {}),
        (move_node.stop_services, {"drain_seconds": 0}),
        (move_node.leave_etcd, {}),
        (move_node.clear_etcd, {}),
    )
    for operation, arguments in steps:
        run_operation(monkeypatch, world, world.cluster, operation, moving=name, **arguments)
    return list(world.done)


def build(world: RemovalWorld) -> None:
    """What the build does that follows, as far as it matters here."""
    world.join_etcd("h3")
    world.running.add("h3")
    world.units["h3"] |= {"patroni", "etcd"}
    world.files["h3"] |= {"/var/lib/etcd/main"}
    world.own_files["h3"] = "10.0.0.3"
    at(world, "h3", "10.0.0.3")


def stops(world: RemovalWorld) -> None:
    """Patroni takes its key away when it ends."""
    world.hooks["stop patroni"] = lambda: world.keys.pop("/service/main/members/h3", None) and None


EVERYTHING = ["stop patroni h3", "out of etcd h1", "stop etcd h3", "clear h3"]


def test_it_is_stopped_and_leaves_etcd_before_it_is_built_up_anew(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld
) -> None:
    stops(world)
    assert move(monkeypatch, world) == EVERYTHING
    assert world.cluster.data_directory in world.files["h3"], "its data stay"
    assert "/var/lib/etcd/main" not in world.files["h3"] and sorted(world.voters.values()) == ["h1", "h2"]
    build(world)
    assert move(monkeypatch, world) == []


def test_another_member_leads_first_and_another_one_etcd(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    """As a standby it has to be let in at either address: from which it speaks, its host's routes decide."""
    let_in: list[str] = []

    def admit(cluster: Cluster) -> Commands:
        let_in.extend(line.split()[3] for line in hba_lines(cluster) if " replicator " in line and "hostssl" in line)
        yield from ()

    monkeypatch.setattr(move_node, "allow_members", admit)
    stops(world)
    world.leader = world.etcd_leader = "h3"
    done = move(monkeypatch, world)
    assert {"10.0.0.3/32", f"{FORMER}/32"} < set(let_in)
    assert done.index("switchover h3") < done.index("stop patroni h3")
    assert done.index("move etcd's leader h1") < done.index("out of etcd h1")
    assert world.leader != "h3" and world.etcd_leader != "h3"


@pytest.mark.parametrize("act", ["stop patroni", "out of etcd", "stop etcd", "clear"])
def test_cut_off_after_any_act_the_next_run_finishes(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, act: str
) -> None:
    def cut() -> None:
        world.hooks.clear()
        if act == "stop patroni":
            del world.keys["/service/main/members/h3"]
        raise KeyboardInterrupt

    stops(world)
    world.hooks[act] = cut
    with pytest.raises(KeyboardInterrupt):
        move(monkeypatch, world)
    before = list(world.done)
    # etcd is told once more to stay down, which it does.
    assert list(dict.fromkeys([*before, *move(monkeypatch, world)])) == EVERYTHING


def test_cut_off_in_the_build_what_has_joined_stays(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    stops(world)
    move(monkeypatch, world)
    world.join_etcd("h3")
    world.files["h3"] |= {"/var/lib/etcd/main"}
    assert move(monkeypatch, world) == []


def test_a_patroni_of_which_etcd_knows_nothing_is_stopped_where_its_file_has_it(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld
) -> None:
    """Its address is gone from the network, and its key from etcd; so is its vote, by an earlier run."""
    del world.keys["/service/main/members/h3"], world.voters["c"]
    assert move(monkeypatch, world) == ["stop patroni h3", "stop etcd h3", "clear h3"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"leader": None}, "there is no leader"),
        ({"paused": True}, "main is paused: no standby takes over"),
        ({"scheduled": {"at": "noon"}}, "a switchover is scheduled for noon"),
        ({"unhealthy": {"h2"}}, "etcd would have 2 members, 1 of them healthy, and 2 are needed"),
    ],
)
def test_nobody_moves_in_a_cluster_that_is_not_well(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, change: dict[str, Any], words: str
) -> None:
    for name, value in change.items():
        setattr(world, name, value)
    with pytest.raises(UnsafeError, match="h3 does not move now: ") as refused:
        move(monkeypatch, world)
    assert words in str(refused.value) and world.done == []


def test_who_is_where_it_is_declared_is_left_alone(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld) -> None:
    world.lame = {"h2"}  # which is no reason to say that it moves
    assert move(monkeypatch, world, "h2") == []


def test_the_only_one_of_its_kind_does_not_move() -> None:
    cluster = fake_cluster(1)
    with pytest.raises(
        ConfigError, match=r"^h1 is the only host of main with PostgreSQL and etcd\nHINT: that takes an"
    ):
        refuse_immovable(cluster, cluster.node("h1"))
    refuse_immovable(three := fake_cluster(), three.node("h1"))


def test_nobody_moves_alone_to_another_family_of_addresses() -> None:
    """Whom it knows by IPv4, it speaks to from its own address of IPv4."""
    cluster = fake_cluster()
    nodes = [replace(one, address=Address("fd00::3")) if one.name == "h3" else one for one in cluster]
    mixed = replace(cluster, nodes=tuple(nodes))
    with pytest.raises(ConfigError, match=r"^h3 IPv6 and h1 IPv4 do not know each other by the addresses"):
        refuse_immovable(mixed, mixed.node("h3"))
