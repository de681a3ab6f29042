"""A cluster that begins with the data that its members have: with the newest, and with nobody beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import yaml

from cluster.components.patroni import CONFIG
from cluster.errors import UnsafeError
from cluster.secrets.secrets import NAMES, Secret
from facts.host import HostComponent
from operations.acts.commands import act_on_units, make_directory, write_files
from operations.runs import adopt as adopt_run
from tests.world.component import paths as path_lines
from tests.world.component import unit
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.known import Act
from tests.world.patroni_world import Sized
from tests.world.power_world import PowerWorld
from tests.world.world import Lines, answer

SECRETS = {name: Secret(f"value of {name}") for name in NAMES}


@dataclass
class AdoptedWorld(PowerWorld, Sized):
    """
    Members whose data were kept, with an etcd that is new and knows nothing of them.

    + files: what was written, by host and path
    """

    acts: ClassVar = {**PowerWorld.acts, "write": write_files, "make": make_directory, "start patroni": act_on_units}

    files: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cut_power()
        for name, one in self.members.items():
            self.units[name] = {"etcd"}
            one.enabled, self.files[name] = "disabled", {}

    def noted(self, word: str, host: str, act: Act) -> None:
        """What is written counts where it lies."""
        if word not in ("write", "make"):
            super().noted(word, host, act)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        self.files[host] |= act.files
        return super().obeyed(word, host, act)

    @answer(HostComponent)
    def _component(self, host: str, paths: Sequence[str], units: Mapping[str, Any]) -> Lines:
        return [*path_lines(paths, ()), *unit("patroni", active=self.members[host].patroni, enabled=False)]


@pytest.fixture
def world() -> AdoptedWorld:
    return AdoptedWorld(fake_cluster())


def adopt(monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld) -> list[str]:
    """The hosts on which something was done."""
    return changed(run_operation(monkeypatch, world, world.cluster, adopt_run.adopt, secrets=SECRETS))


def assert_begins_alone(world: AdoptedWorld, name: str) -> None:
    """One member leads with its data, brings the declared configuration, and nobody else was touched."""
    assert world.leader == name and world.done == [f"start patroni {name}"]
    assert [host for host, files in world.files.items() if files] == [name]
    assert yaml.safe_load(world.files[name][CONFIG])["bootstrap"]["dcs"]["ttl"] == 30


def test_the_newest_data_lead_though_they_are_not_the_first_member_s(
    monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld
) -> None:
    world.members["h1"].led = False
    world.members["h2"].end += 5000
    assert adopt(monkeypatch, world) == ["h2"]
    assert_begins_alone(world, "h2")


def test_a_newer_timeline_goes_before_more_wal(monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld) -> None:
    """A former primary may have written on after it was cut off: nobody has acknowledged that."""
    world.members["h1"].end += 5000
    world.members["h3"].timeline, world.members["h3"].led = 4, True
    assert adopt(monkeypatch, world) == ["h3"]
    assert_begins_alone(world, "h3")


def test_who_led_goes_before_who_has_as_much(monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld) -> None:
    world.members["h1"].led, world.members["h3"].led = False, True
    assert adopt(monkeypatch, world) == ["h3"]
    assert_begins_alone(world, "h3")


def test_a_first_member_without_data_gets_them_from_the_others(
    monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld
) -> None:
    world.members["h1"].empty = True
    world.members["h1"].led = False
    assert adopt(monkeypatch, world) == ["h2"]
    assert_begins_alone(world, "h2")


def test_nothing_begins_that_etcd_knows(monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld) -> None:
    world.keys = {"/service/main/config": "{}"}
    assert adopt(monkeypatch, world) == []
    assert world.done == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda world: [units.clear() for units in world.units.values()], "etcd does not say whether it knows main"),
        (lambda world: setattr(world.members["h2"], "identifier", "77"), "h2"),
        (lambda world: [setattr(one, "empty", True) for one in world.members.values()], "no member of main has data"),
        (lambda world: setattr(world.members["h2"], "led", True), "h1 and h2 both led on timeline 3"),
    ],
)
def test_nothing_begins_while_it_is_not_known_with_what(
    monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld, change: Any, words: str
) -> None:
    change(world)
    with pytest.raises(UnsafeError) as refused:
        adopt(monkeypatch, world)
    assert words in str(refused.value) and "\nHINT: " in str(refused.value)
    assert world.done == [] and not any(world.files.values())


def test_the_plan_asks_nobody_and_says_that_it_is_open(monkeypatch: pytest.MonkeyPatch, world: AdoptedWorld) -> None:
    world.dead = {"h1", "h2", "h3"}
    monkeypatch.setattr(adopt_run, "dry_run", lambda: True)
    monkeypatch.setattr(adopt_run, "decide_later", lambda what: iter(()))
    assert adopt(monkeypatch, world) == []
