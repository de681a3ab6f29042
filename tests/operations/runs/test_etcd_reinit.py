"""One host's data of etcd put aside, its membership ended, and the join anew; and when nothing may be put aside."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from operations import etcd
from operations.runs.etcd_reinit import set_data_aside
from tests.world.etcd_world import EtcdWorld
from tests.world.hosts import changed, fake_cluster, run_operation


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that does not change while it is asked is not waited for."""
    monkeypatch.setattr(etcd, "QUORUM_SECONDS", 0)


def reinit(monkeypatch: pytest.MonkeyPatch, world: EtcdWorld, cluster: Cluster, member: str) -> list[str]:
    """As ``deploys/etcd_reinit.py`` does it."""
    run_operation(monkeypatch, world, cluster, set_data_aside, member=member)
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    return world.done


def lame(count: int = 3, *names: str) -> tuple[EtcdWorld, Cluster]:
    cluster = fake_cluster(count)
    world = EtcdWorld.of(cluster)
    for name in names:
        world.hosts[name].healthy = False
    return world, cluster


@pytest.mark.parametrize("member", ["h1", "h2", "h3"])
def test_the_data_are_kept_the_membership_ends_and_the_host_joins_as_a_learner(
    monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    world, cluster = lame(3, member)
    joins = [f"add {member}", f"write {member} existing", f"start {member}", f"promote {member}"]
    steps = [f"stop and keep {member}", f"remove {member}", *joins]
    assert reinit(monkeypatch, world, cluster, member)[: len(steps)] == steps
    world.done.clear()
    assert reinit(monkeypatch, world, cluster, member) == []


def test_a_run_that_died_with_the_data_aside_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = lame(3)
    world.hosts["h2"].loaded = None
    assert reinit(monkeypatch, world, cluster, "h2")[:2] == ["stop and keep h2", "remove h2"]


@pytest.mark.parametrize("learner", [{"learner": True, "started": False, "loaded": None}, {"learner": True}])
def test_one_on_its_way_in_is_not_put_aside_again(monkeypatch: pytest.MonkeyPatch, learner: dict[str, Any]) -> None:
    world, cluster = lame(3)
    for name, value in learner.items():
        setattr(world.hosts["h2"], name, value)
    assert changed(run_operation(monkeypatch, world, cluster, set_data_aside, member="h2")) == []
    assert world.done == []


def test_a_healthy_one_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = lame(3)
    assert reinit(monkeypatch, world, cluster, "h2") == []


@pytest.mark.parametrize("count, names", [(3, ("h1", "h2")), (1, ("h1",))])
def test_without_a_quorum_among_the_others_nothing_is_touched(
    monkeypatch: pytest.MonkeyPatch, count: int, names: tuple[str, ...]
) -> None:
    world, cluster = lame(count, *names)
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, set_data_aside, member=names[0])
    said = str(refused.value)
    assert said.startswith(f"etcd's data on {names[0]} are not put aside: ")
    assert "`pyinfra inventory.py deploys/etcd_restore.py`" in said
    assert world.done == []


def test_two_lame_ones_of_five_are_mended_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = lame(5, "h4", "h5")
    with pytest.raises(UnsafeError, match=r"h5 cannot join: .*\nHINT: .* deploys/etcd_reinit.py --data node=h4` puts"):
        reinit(monkeypatch, world, cluster, "h5")
    reinit(monkeypatch, world, cluster, "h4")
    assert "promote h5" in world.done and all(one.up and not one.learner for one in world.hosts.values())


def test_a_host_without_etcd_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster(3)
    world = EtcdWorld.of(cluster)
    node = cluster.node("h3")
    object.__setattr__(node, "roles", frozenset({"postgres"}))
    with pytest.raises(UnsafeError, match="h3 is no host of etcd\nHINT: "):
        run_operation(monkeypatch, world, cluster, set_data_aside, member="h3")
