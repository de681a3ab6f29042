"""A cluster is destroyed on simulated hosts: what goes in which order, what is kept, and a run that was cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from cluster.components.all import enabled_units
from cluster.errors import UnsafeError
from cluster.plans.destroy import backups_on, data_on, traces_on
from facts.host import HostComponent
from facts.member_data import ClustersNamed
from operations.runs import destroy as destroy_run
from operations.runs import services
from tests.world.component import paths as path_lines
from tests.world.component import units as unit_lines
from tests.world.hosts import fake_cluster, run_operation
from tests.world.known import Act
from tests.world.power_world import PowerWorld
from tests.world.world import Lines, answer

ROLES = ("postgres", "etcd", "haproxy")


@dataclass
class DestroyedWorld(PowerWorld):
    """The same with files. + names: the clusters that each host's files name"""

    acts: ClassVar = {**PowerWorld.acts, "clear": destroy_run.remove_files}

    names: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.files = {
            node.name: {*traces_on(self.cluster, node), *data_on(self.cluster, node), *backups_on(self.cluster, node)}
            for node in self.cluster
        }
        self.enabled = {node.name: set(enabled_units(self.cluster, node)) for node in self.cluster}

    def word_of(self, act: Act) -> str | None:
        """Units are disabled first."""
        word = super().word_of(act)
        return ("remove" if act.removes else "disable") if word == "clear" else word

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "remove":
            self.files[host] -= set(act.removes)
        elif word == "disable":
            gone = set(act.text.rpartition("systemctl disable --now --quiet ")[2].split())
            self.enabled[host] -= gone
            self.units[host] -= gone
        return super().obeyed(word, host, act)

    @answer(ClustersNamed)
    def _named(self, host: str, **_: Any) -> Lines:
        return self.names.get(host, ["main"])

    @answer(HostComponent)
    def _component(self, host: str, paths: Sequence[str], units: Mapping[str, Any]) -> Lines:
        return [*path_lines(paths, self.files[host]), *unit_lines(units, self.units[host], self.enabled[host])]


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What apt holds is not simulated here."""
    monkeypatch.setattr(destroy_run, "release_holds", lambda *_: iter(()))


def destroy(
    monkeypatch: pytest.MonkeyPatch,
    world: DestroyedWorld,
    *,
    confirmed: bool = True,
    wipe: bool = False,
    backups: bool = False,
) -> list[str]:
    """As ``deploy_destroy`` does it."""
    world.done.clear()
    limit = [node.name for node in world.cluster if node.name not in world.dead] if world.dead else ()
    steps: tuple[tuple[Any, dict[str, Any]], ...] = (
        (destroy_run.announce, {"confirmed": confirmed, "wipe": wipe, "backups": backups, "secrets": "s"}),
        (services.stop_services, {"phase": "clients"}),
        (destroy_run.sync_last_record, {}),
        (destroy_run.stop_postgres, {}),
        (destroy_run.remove_files, {"wipe": wipe, "backups": backups}),
        (destroy_run.report, {"wipe": wipe, "secrets": "s"}),
    )
    for operation, arguments in steps:
        run_operation(monkeypatch, world, world.cluster, operation, limit=limit, **arguments)
    return list(world.done)


def world_of(**changes: Any) -> DestroyedWorld:
    return DestroyedWorld(fake_cluster(roles=ROLES), **changes)


def assert_gone(world: DestroyedWorld, left: set[str]) -> None:
    for node in world.cluster:
        if node.name not in world.dead:
            assert (world.files[node.name], world.enabled[node.name]) == (left, set())
            assert not world.members[node.name].served


def test_data_that_are_kept_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    done = destroy(monkeypatch, world)
    assert done[3:7] == ["checkpoint h1", "hold h2", "hold h3", "stop patroni h1"]
    assert_gone(world, {world.cluster.data_directory})
    assert len(world.ends) == 1
    assert destroy(monkeypatch, world) == []


def test_data_go_only_for_somebody_who_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    destroy(monkeypatch, world, wipe=True)
    assert_gone(world, set())


def test_without_its_name_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    with pytest.raises(UnsafeError) as refused:
        destroy(monkeypatch, world, confirmed=False)
    assert str(refused.value) == "nothing was touched\nHINT: add --data confirm=main to destroy it."
    assert world.done == []


def test_another_cluster_s_host_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(names={"h2": ["orders"]})
    with pytest.raises(UnsafeError, match="h2 belongs to the cluster orders, not to main"):
        destroy(monkeypatch, world)
    assert world.done == []


def test_what_is_broken_is_destroyed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(leader=None, paused=True)
    world.members["h2"].restoring, world.members["h3"].empty = True, True
    destroy(monkeypatch, world)
    assert_gone(world, {world.cluster.data_directory})


def test_a_dead_host_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(dead={"h3"})
    before = set(world.files["h3"])
    destroy(monkeypatch, world, wipe=True)
    assert_gone(world, set())
    assert world.files["h3"] == before


@pytest.mark.parametrize("act", ["stop haproxy", "checkpoint", "hold", "stop patroni", "disable", "remove"])
def test_cut_off_after_any_act_the_next_run_finishes(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    world = world_of()

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks[act] = cut
    with pytest.raises(KeyboardInterrupt):
        destroy(monkeypatch, world)
    destroy(monkeypatch, world)
    assert_gone(world, {world.cluster.data_directory})
    assert len(world.ends) == 1
    assert destroy(monkeypatch, world) == []
