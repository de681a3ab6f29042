"""A lost etcd is rebuilt: in which order, what is refused, and a run that was cut off anywhere is gone on with."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.verdicts.removal_notes import remaining
from operations.runs.etcd_restore.procedure import finish, rebuild
from tests.world.etcd_restore_world import EtcdRestoreWorld
from tests.world.hosts import run_operation

MEMBERS = ("h1", "h2", "h3")
ORDER = [
    *("note h1", "note h2", "note h3"),
    *("halt h1", "halt h2", "halt h3"),
    *("note h1", "note h2", "note h3"),
    *("put aside h1", "put aside h2", "put aside h3"),
    *("restore h1", "write bootstrap h1", "start etcd h1"),
    "forget who led h1",
    *("release h1", "release h2", "release h3"),
]
OVER = ["over h2", "over h3", "over h1"]


def cluster() -> Cluster:
    roles = {**dict.fromkeys(MEMBERS, ("postgres", "etcd")), "h4": ("backup",)}
    hosts = [
        DeclaredHost(name, given, {"cluster_address": f"10.0.0.{n}"}, {})
        for n, (name, given) in enumerate(roles.items(), 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def world_of(**changes: Any) -> EtcdRestoreWorld:
    return EtcdRestoreWorld(cluster(), **changes)


def restore(monkeypatch: pytest.MonkeyPatch, world: EtcdRestoreWorld, **said: Any) -> list[str]:
    """The operations of the deploy but for the joining, which has tests of its own. Returns what was done."""
    given = {"source": None, "confirmed": True, **said}
    run_operation(monkeypatch, world, world.cluster, rebuild, **given)
    run_operation(monkeypatch, world, world.cluster, finish)
    return world.done


def refusal(monkeypatch: pytest.MonkeyPatch, world: EtcdRestoreWorld, **said: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        restore(monkeypatch, world, **said)
    return str(refused.value)


def test_the_primary_is_stopped_first_and_leads_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    assert restore(monkeypatch, world) == [*ORDER, *OVER]
    assert world.leader == "h1" and world.running == set(MEMBERS) and world.notes == {}
    assert world.aside == {"h1": 120} and world.source.startswith("/var/lib/etcd/main.before-")


def test_nothing_is_touched_without_a_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    said = refusal(monkeypatch, world, confirmed=False)
    assert said == "nothing was touched\nHINT: add --data confirm=main to begin."
    assert world.done == []


def test_a_snapshot_beside_the_backups_is_brought_to_the_first_host(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(data={}, etcd=set(), snapshots={"h4": 110})
    done = restore(monkeypatch, world)
    assert [act for act in done if act.split()[0] in ("fetch", "bring", "restore")] == [
        "fetch h4",
        "bring h1",
        "restore h1",
    ]
    assert world.source == "/var/lib/pyinfra-patroni/etcd-restore/source.db"


def test_the_newest_snapshot_is_where_etcd_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(data={}, etcd=set(), snapshots={"h1": 100, "h3": 130, "h4": 110})
    assert "restore h3" in restore(monkeypatch, world)


def test_an_operator_may_prefer_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    assert "bring h1" in restore(monkeypatch, world, source="h4")


def test_a_standby_that_is_further_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(primaries=set(), ends={"h1": 0x3000100, "h2": 0x3000180, "h3": 0x3000100})
    restore(monkeypatch, world)
    assert world.leader == "h2"


def test_the_newer_timeline_counts_more_than_the_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(primaries=set(), timelines={"h1": 3, "h2": 3, "h3": 4})
    world.ends["h1"] = 0x9000000
    restore(monkeypatch, world)
    assert world.leader == "h3"


@pytest.mark.parametrize(
    "act",
    [
        *("note", "halt", "put aside", "restore", "write bootstrap", "start etcd"),
        *("forget who led", "release", "over"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_cut_off_after_any_act_the_next_run_finishes(monkeypatch: pytest.MonkeyPatch, act: str, times: int) -> None:
    world = world_of()
    left = [times]

    def cut() -> None:
        left[0] -= 1
        if not left[0]:
            world.hooks.clear()
            raise KeyboardInterrupt

    world.hooks[act] = cut
    try:
        restore(monkeypatch, world)
    except KeyboardInterrupt:
        if world.notes:
            restore(monkeypatch, world)
    assert world.leader == "h1" and world.running == set(MEMBERS) and world.notes == {}
    assert world.aside == {"h1": 120} and world.keys is not None


def test_a_leader_that_dies_before_the_end_is_chosen_again_and_etcd_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()

    def die() -> None:
        world.hooks.clear()
        world.running.clear()
        world.leader = None
        raise KeyboardInterrupt

    world.hooks["over"] = die
    with pytest.raises(KeyboardInterrupt):
        restore(monkeypatch, world)
    world.done.clear()
    again = restore(monkeypatch, world)
    assert not {act.split()[0] for act in again} & {"put", "restore", "start"}
    assert world.leader == "h1" and world.running == set(MEMBERS) and world.notes == {}


def test_an_etcd_that_is_back_by_itself_ends_what_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks["halt"] = cut
    with pytest.raises(KeyboardInterrupt):
        restore(monkeypatch, world)
    world.keys, world.etcd, world.leader = dict(world.known), {"h1", "h2"}, "h2"
    world.done.clear()
    assert restore(monkeypatch, world) == ["release h1", *OVER]
    assert world.running == set(MEMBERS) and world.notes == {} and world.aside == {}


def test_while_etcd_has_its_quorum_nothing_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(answering={"h1", "h2"}, data={"h1": 120, "h2": 120})
    assert refusal(monkeypatch, world) == (
        "etcd of main has its quorum: asked on h1, h2\nHINT: nothing was touched; a host whose data of etcd are "
        "damaged or lost gets new ones by `pyinfra inventory.py deploys/etcd_reinit.py --data node=h3`; a host that "
        "is lost is replaced by deploys/replace_node.py, or taken out by deploys/remove_node.py."
    )
    assert world.done == []


def test_a_host_that_is_left_out_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    world, told = world_of(), {"source": None, "confirmed": True}
    with pytest.raises(UnsafeError, match="h3 is not in this run, and would continue with what it has"):
        run_operation(monkeypatch, world, world.cluster, rebuild, limit=["h1", "h2", "h4"], **told)
    assert world.done == []


def test_a_host_that_is_gone_for_good_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world_of()
    world = EtcdRestoreWorld(remaining(whole.cluster, {"h3"}))
    restore(monkeypatch, world)
    assert world.running == {"h1", "h2"} and "h3" not in " ".join(world.done)


def test_data_of_a_quorum_only_have_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(data={"h1": 120, "h2": 119}, etcd={"h1"})
    assert refusal(monkeypatch, world).startswith(
        "etcd's data are there on h1, h2, which is a quorum\nHINT: `systemctl"
    )


def test_with_nothing_left_there_is_nothing_to_rebuild_from(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(data={}, etcd=set(), snapshots={})
    assert refusal(monkeypatch, world).startswith("neither data of a member of etcd nor a snapshot is on any host\n")


def test_data_of_two_clusters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(identifiers={"h1": "76", "h2": "76", "h3": "99"})
    assert refusal(monkeypatch, world).startswith(
        "the members of main hold different clusters: h1 has 76, h2 has 76, h3 has 99\n"
    )
    assert world.done == []


def test_data_of_a_copy_and_of_its_original_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    parted = {"h1": "00000003.history\n1:0/100\n2:0/200", "h3": "00000003.history\n1:0/100\n2:0/201"}
    world = world_of(turns=parted)
    assert refusal(monkeypatch, world).startswith(
        "the data of h1 and h3 are of two lives of main: they left timeline 2 at different positions, as a copy and "
    )
    assert world.done == []


def test_an_etcd_of_the_original_brings_no_member_of_its_copy_up(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = dict.fromkeys(MEMBERS, "00000003.history\n1:0/100\n2:0/200")
    history = '[[1, 256, "no recovery target specified"], [2, 513, "no recovery target specified"]]'
    world = world_of(turns=turns, known={"initialize": "76", "config": "{}", "history": history})
    assert "is of another life of main, which left timeline 2 elsewhere than the data" in refusal(monkeypatch, world)
    assert world.running == set()


def test_two_primaries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(primaries={"h1", "h2"})
    assert refusal(monkeypatch, world).startswith("h1 and h2 are primaries at the same time\n")
    assert world.done == []


def test_a_postgres_that_a_pause_keeps_running_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(runs_on={"h1"})
    assert refusal(monkeypatch, world).startswith(
        "PostgreSQL still runs on h1 without Patroni: the cluster was paused\n"
    )
    world.runs_on.clear()
    restore(monkeypatch, world)
    assert world.leader == "h1"


def test_a_snapshot_of_before_the_cluster_brings_no_member_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(known={})
    assert refusal(monkeypatch, world) == (
        "the etcd from the data of its member on h1, revision 120 does not know main\n"
        "HINT: run again with --data from=HOST for another source; no Patroni was started, and all data are kept."
    )
    assert world.running == set()
    world.known = {"initialize": "76", "config": "{}"}
    restore(monkeypatch, world, source="h4")
    assert world.leader == "h1" and world.running == set(MEMBERS)


def test_a_snapshot_of_another_cluster_brings_no_member_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(known={"initialize": "99", "config": "{}"})
    assert "knows main as 99, the data are 76" in refusal(monkeypatch, world)
    assert world.running == set()
