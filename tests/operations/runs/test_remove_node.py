"""A host leaves: in which order, what is refused, and that a run which was cut off anywhere is gone on with."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.plans.destroy import traces_on
from cluster.verdicts.removal_notes import remaining, removals
from operations.runs.remove_node import etcd_membership, patroni_traces, procedure
from tests.world.hosts import fake_cluster, run_operation
from tests.world.removal_world import RemovalWorld

LOWERED, RESTORED = 'configure h1 {"member_slots_ttl": 0}', 'configure h1 {"member_slots_ttl": null}'


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What apt holds is not simulated here; the hosts whose packages were let go."""
    told: list[str] = []
    monkeypatch.setattr(procedure, "release_holds", lambda _, node: iter(told.append(node.name) or ()))
    return told


def world_of(count: int = 4, **changes: Any) -> RemovalWorld:
    return RemovalWorld(fake_cluster(count) if count in (3, 5) else four(), **changes)


def four() -> Cluster:
    """Four members, of which the last has no etcd."""
    cluster = fake_cluster(5)
    nodes = [replace(node, roles=frozenset({"postgres"})) if node.name == "h4" else node for node in cluster]
    return replace(cluster, nodes=tuple(nodes[:4]))


def remove(
    monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, leaving: str, *, wipe: bool = False, alone: bool = False
) -> list[str]:
    """The steps of the procedure itself in their order, without those that only write the others' configuration."""
    limit = [node.name for node in world.cluster if node.name not in world.dead] if world.dead else ()
    said: dict[str, Any] = {"limit": limit, "leaving": leaving}
    steps: Sequence[tuple[Any, dict[str, Any]]] = (
        (procedure.begin, {"alone": alone, "wipe": wipe}),
        (procedure.stop_services, {"drain_seconds": 0}),
        (patroni_traces.deregister, {}),
        (etcd_membership.leave_etcd, {}),
        (procedure.clear_host, {"wipe": wipe}),
    )
    for operation, arguments in steps:
        run_operation(monkeypatch, world, world.cluster, operation, **said, **arguments)
    return world.done


def refusal(monkeypatch: pytest.MonkeyPatch, world: RemovalWorld, leaving: str, **said: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        remove(monkeypatch, world, leaving, **said)
    return str(refused.value)


def assert_gone(world: RemovalWorld, name: str) -> None:
    assert name not in world.running and name not in world.voters.values()
    assert f"/service/main/members/{name}" not in world.keys
    assert [member for member in world.running if name in world.slots[member]] == []
    assert "member_slots_ttl" not in world.config
    assert f"/service/main/removed/{name}" in world.keys


def test_a_standby_is_stopped_forgotten_and_leaves_etcd_last(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    assert remove(monkeypatch, world, "h3") == [
        "note h1",
        "stop patroni h3",
        "forget h1",
        LOWERED,
        RESTORED,
        "out of etcd h1",
        "stop etcd h3",
        "clear h3",
    ]
    assert_gone(world, "h3")
    assert world.files["h3"] == {world.cluster.data_directory}, "its data are kept"


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    remove(monkeypatch, world, "h3")
    world.done.clear()
    assert remove(monkeypatch, world, "h3") == []


def test_a_leader_hands_over_before_anything_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    done = remove(monkeypatch, world, "h1")
    assert done[:6] == ["note h2", "checkpoint h1", "checkpoint h2", "switchover h1", "write h2", "stop patroni h1"]
    assert world.leader == "h2"
    assert_gone(world, "h1")


def test_etcd_s_leader_hands_over_before_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    done = remove(monkeypatch, world, "h1")
    assert done.index("move etcd's leader h2") + 1 == done.index("out of etcd h2")
    assert world.etcd_leader in ("h2", "h3")


def test_data_go_only_for_somebody_who_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    remove(monkeypatch, world, "h3", wipe=True)
    assert world.files["h3"] == set()


def test_what_is_none_of_its_roles_is_somebody_else_s(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(4)
    world.files["h4"] |= {"/etc/haproxy/haproxy.cfg", "/etc/default/etcd"}
    remove(monkeypatch, world, "h4")
    assert {"/etc/haproxy/haproxy.cfg", "/etc/default/etcd"} <= world.files["h4"]
    assert "/etc/patroni/config.yml" not in world.files["h4"]


def test_a_dead_host_is_never_asked_and_its_traces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.die("h3")
    assert remove(monkeypatch, world, "h3") == ["note h1", LOWERED, RESTORED, "out of etcd h1"]
    assert_gone(world, "h3")


def test_a_dead_host_that_came_back_is_cleared_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.die("h3")
    remove(monkeypatch, world, "h3")
    world.dead.clear()
    world.done.clear()
    assert remove(monkeypatch, world, "h3") == ["stop patroni h3", "stop etcd h3", "clear h3"]


def test_a_host_that_lives_and_is_out_of_reach_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.dead.add("h3")
    assert "its Patroni is known to etcd: it runs, or died less than 30 s ago" in refusal(monkeypatch, world, "h3")
    assert world.done == []


def test_the_member_that_alone_could_take_over_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3, lame={"h2"})
    assert refusal(monkeypatch, world, "h3") == (
        "h3 is not removed from main now: without it no member could take over from the leader, h2 does not stream: "
        "starting\nHINT: fix another member first, or accept that: --data allow_no_failover=true; nothing was changed."
    )
    assert world.done == []
    remove(monkeypatch, world, "h3", alone=True)
    assert_gone(world, "h3")


def test_a_lame_member_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3, lame={"h3"})
    remove(monkeypatch, world, "h3")
    assert_gone(world, "h3")


def test_a_host_whose_postgresql_is_down_is_not_asked_for_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3, lame={"h3"})
    world.running.discard("h3")
    remove(monkeypatch, world, "h3")
    assert_gone(world, "h3")


def test_a_host_without_which_etcd_has_no_quorum_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3, unhealthy={"h2"})
    said = refusal(monkeypatch, world, "h3")
    assert "etcd would have 2 members, 1 of them healthy, and 2 are needed" in said
    assert world.done == []


def test_a_member_of_etcd_that_dies_meanwhile_keeps_the_host_in_etcd(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.hooks["stop patroni"] = lambda: world.unhealthy.add("h2")
    assert refusal(monkeypatch, world, "h3").startswith("h3 stays in etcd: etcd would have 2 members, 1 of them")
    assert "h3" in world.voters.values()
    world.unhealthy.clear()
    remove(monkeypatch, world, "h3")
    assert_gone(world, "h3")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"paused": True}, "main is paused: no standby takes over"), ({"leader": None}, "there is no leader")],
)
def test_nobody_goes_while_the_cluster_is_in_no_state_for_it(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    world = world_of(3, **changes)
    assert words in refusal(monkeypatch, world, "h3")
    assert world.done == []


@pytest.mark.parametrize("leaving", ["h1", "h3"])
@pytest.mark.parametrize(
    "act",
    [
        *("note", "checkpoint", "switchover", "write", "stop patroni", "forget", "configure"),
        *("move etcd's leader", "out of etcd", "stop etcd", "clear"),
    ],
)
def test_cut_off_after_any_act_the_next_run_finishes(monkeypatch: pytest.MonkeyPatch, leaving: str, act: str) -> None:
    world = world_of(3)

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks[act] = cut
    try:
        remove(monkeypatch, world, leaving)
    except KeyboardInterrupt:
        remove(monkeypatch, world, leaving)
    assert_gone(world, leaving)
    assert world.units[leaving] == set() and world.files[leaving] == {world.cluster.data_directory}
    world.done.clear()
    assert remove(monkeypatch, world, leaving) == []


def test_what_somebody_had_set_for_slots_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.config["member_slots_ttl"] = "2h"
    assert LOWERED in remove(monkeypatch, world, "h3")
    assert world.config["member_slots_ttl"] == "2h"


@pytest.mark.parametrize("wipe", [False, True])
def test_nothing_of_it_stays_on_the_host_but_what_its_data_need(
    monkeypatch: pytest.MonkeyPatch, packages: list[str], wipe: bool
) -> None:
    """As destroy removes it: units, drop-ins and programs, too."""
    world = world_of(3)
    node = world.cluster.node("h3")
    data = {world.cluster.data_directory}
    world.files["h3"] = {*traces_on(world.cluster, node), *data}
    remove(monkeypatch, world, "h3", wipe=wipe)
    knows_the_mount = {"/usr/local/bin/data-mounts", "/etc/pyinfra-patroni"}
    assert world.files["h3"] == {"/var/lib/pyinfra-patroni"} | (set() if wipe else data | knows_the_mount)
    assert packages == ["h3"]


def test_before_patroni_4_slots_go_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3, version="3.3.2")
    world.hooks["forget"] = lambda: [slots.discard("h3") for slots in world.slots.values()] and None
    assert [act for act in remove(monkeypatch, world, "h3") if act.startswith("configure")] == []


def test_a_permanent_slot_of_its_name_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(3)
    world.config["slots"] = {"h3": {"type": "physical"}}
    done = remove(monkeypatch, world, "h3")
    assert json.loads(done[3].removeprefix("configure h1 ")) == {"slots": {"h3": None}, "member_slots_ttl": 0}


def test_a_member_without_etcd_leaves_etcd_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(4)
    assert not [act for act in remove(monkeypatch, world, "h4") if "etcd h1" in act]
    assert len(world.voters) == 3


def test_five_become_three_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(5)
    remove(monkeypatch, world, "h5")
    world.cluster = remaining(world.cluster, removals(world.cluster, world.keys))
    remove(monkeypatch, world, "h4")
    assert sorted(world.voters.values()) == ["h1", "h2", "h3"]


def with_alone(role: str, *names: str) -> RemovalWorld:
    """Five hosts, of which some have this role and no other."""
    cluster = fake_cluster(5)
    nodes = [replace(node, roles=frozenset({role})) if node.name in names else node for node in cluster]
    return RemovalWorld(replace(cluster, nodes=tuple(nodes)))


def test_hosts_with_etcd_alone_go_from_five_to_three(monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_alone("etcd", "h4", "h5")
    world.units |= {"h4": {"etcd"}, "h5": {"etcd"}}
    assert remove(monkeypatch, world, "h5") == ["note h1", "out of etcd h1", "stop etcd h5", "clear h5"]
    world.done.clear()
    world.die("h4")
    assert remove(monkeypatch, world, "h4") == ["note h1", "out of etcd h1"]
    assert sorted(world.voters.values()) == ["h1", "h2", "h3"]


def test_a_host_with_haproxy_alone_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_alone("haproxy", "h4", "h5")
    world.units["h5"], world.files["h5"] = {"haproxy"}, {"/etc/haproxy/haproxy.cfg"}
    assert remove(monkeypatch, world, "h5") == ["note h1", "stop haproxy h5", "clear h5"]
    assert world.files["h5"] == set() and len(world.voters) == 3


def test_only_a_server_that_runs_keeps_a_host_from_being_stopped(tmp_path: Path) -> None:
    declared = fake_cluster()
    settings = declared.settings.model_copy(update={"postgres_data_directory": str(tmp_path)})
    cluster = replace(declared, settings=settings)
    proof = str(procedure._stop(cluster, "patroni")).partition(" && ")[2]

    def is_gone() -> bool:
        return subprocess.run(["sh", "-c", proof], check=False).returncode == 0

    assert is_gone()
    (tmp_path / "postmaster.pid").write_text("999999999\n/data\n")
    assert is_gone(), "a power cut left the file"
    shutil.copy(str(shutil.which("sleep")), tmp_path / "postgres")
    with subprocess.Popen([tmp_path / "postgres", "60"]) as server:
        (tmp_path / "postmaster.pid").write_text(f"{server.pid}\n/data\n")
        try:
            assert not is_gone()
        finally:
            server.kill()
