"""What is said and refused before hosts join, and the notes that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cluster.errors import UnsafeError
from cluster.verdicts.removal_notes import Removal
from facts.etcd import EtcdCluster
from facts.patroni import DirectorySize
from facts.preflight.host import HostPicture
from operations.runs import add_node
from operations.runs.add_node import announce
from operations.runs.replace_node import clear_markers
from tests.world.etcd import QUESTIONS
from tests.world.hosts import fake_cluster, run_operation
from tests.world.removal_world import RemovalWorld
from tests.world.world import Lines, answer

REMOVED = "/service/main/removed/h3"


class Growing(RemovalWorld):
    """h3 is fresh. The leader's data take 400 MiB. + free_mib: what h3 has"""

    free_mib = 500

    @answer(DirectorySize)
    def _size(self, host: str, **_: Any) -> Lines:
        assert host == self.leader
        return ["400"]

    @answer(HostPicture)
    def _picture(self, host: str, **_: Any) -> Lines:
        room = f"room|{self.cluster.data_directory}|{self.free_mib}|9000|/"
        return ["clock|1.0", "architecture|x86_64", room, "data|absent||||", "active|", "clock|1.0"]

    @answer(EtcdCluster)
    def _etcd(self, host: str, endpoints: Sequence[str], **_: Any) -> Lines:
        absent = [f"{name}|127|" for name in QUESTIONS]
        return absent if host == "h3" else super()._etcd(host, endpoints)


@pytest.fixture
def world() -> Growing:
    """Three declared, of which the third has not joined yet: nobody can ask there."""
    found = Growing(fake_cluster())
    found.keys |= {"/service/main/config": "{}", "/service/main/leader": "h1"}
    found.die("h3")
    found.come("h3")
    found.voters = {one: name for one, name in found.voters.items() if name != "h3"}
    return found


def said(monkeypatch: pytest.MonkeyPatch, world: Growing) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(add_node, "print_lines", lines.extend)
    run_operation(monkeypatch, world, world.cluster, announce)
    assert world.done == []
    return lines


def test_who_joins_is_said_and_nothing_done(monkeypatch: pytest.MonkeyPatch, world: Growing) -> None:
    assert said(monkeypatch, world) == ["Join main:", "  h3   etcd and PostgreSQL"]


def test_a_host_without_the_room_is_refused(monkeypatch: pytest.MonkeyPatch, world: Growing) -> None:
    world.free_mib = 479
    with pytest.raises(
        UnsafeError,
        match=r"^no host joins main now: h3 has 479 MiB for data that take 400 MiB and some WAL: 480 MiB\nHINT: ",
    ):
        said(monkeypatch, world)


def test_nobody_joins_what_is_not_there(monkeypatch: pytest.MonkeyPatch, world: Growing) -> None:
    del world.keys["/service/main/config"]
    with pytest.raises(UnsafeError, match="there is no cluster main yet that a host could join"):
        said(monkeypatch, world)


def test_a_host_that_was_taken_out_comes_back_when_somebody_says_so(
    monkeypatch: pytest.MonkeyPatch, world: Growing
) -> None:
    world.keys |= {REMOVED: Removal("2026").text, "/service/main/replaced/h2": '{"at": "", "etcd": []}'}
    names = [node.name for node in world.cluster]
    run_operation(monkeypatch, world, world.cluster, clear_markers, names=names)
    assert world.done == ["forget h1"] and REMOVED not in world.keys
    assert "/service/main/replaced/h2" in world.keys, "its run goes on with it"
    run_operation(monkeypatch, world, world.cluster, clear_markers, names=names)
    assert world.done == ["forget h1"]
