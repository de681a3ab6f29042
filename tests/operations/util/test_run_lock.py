"""The lock of a cluster over all of its hosts: who gets it, who is refused, who loses it, and what outlives what."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.run_lock import written
from operations.util import run_lock
from operations.util.run_lock import RunLock
from tests.operations.lock_places import Place, holder
from tests.world.hosts import fake_cluster


class Hosts:
    """Hosts of a cluster with one etcd. + silent: those that do not answer; + asked: how often each was asked"""

    def __init__(self, directory: Path, port: int) -> None:
        etcd = directory / "etcd"
        self.places = {name: Place(directory / name, port, etcd) for name in ("h1", "h2", "h3")}
        self.etcd = etcd
        self.silent: set[str] = set()
        self.asked: list[str] = []
        for place in self.places.values():
            place.boot("first")

    def heard(self, name: str, commands: list[str], seconds: int) -> list[list[str] | None]:
        self.asked.append(name)
        if name in self.silent:
            return [None]
        code, lines = self.places[name].run(commands[0])
        return [lines if code == 0 else None]

    def etcd_ends(self) -> None:
        (self.etcd / "silent").touch()

    def etcd_is_back(self) -> None:
        (self.etcd / "silent").unlink()

    @property
    def in_etcd(self) -> str:
        path = self.etcd / "value"
        return path.read_text().strip() if path.exists() else ""


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = Hosts(tmp_path, listening.getsockname()[1])
        monkeypatch.setattr(run_lock, "run_each", there.heard)
        monkeypatch.setattr(run_lock, "target_of", lambda node: node.name)
        monkeypatch.setattr(run_lock, "is_gone", lambda pid, started: False)
        yield there


CLUSTER = fake_cluster()


def lock(run: str, *, breaks: bool = False, cluster: Cluster = CLUSTER, **own: Any) -> RunLock:
    return RunLock(cluster, {**holder(run), **own}, breaks)  # type: ignore[typeddict-item]


def taken(run: str, **named: Any) -> RunLock:
    one = lock(run, **named)
    one.take("")
    return one


def refused(one: RunLock) -> str:
    with pytest.raises(UnsafeError) as error:
        one.take("")
    one.free("")
    return str(error.value)


def test_one_has_it_everywhere_and_the_other_has_touched_nothing(hosts: Hosts) -> None:
    first = taken("a")
    assert hosts.asked == ["h1", "h2", "h3"]
    hosts.asked.clear()
    said = refused(lock("b"))
    assert hosts.asked == ["h1"]
    assert "root@here (process 4711) since 2026-11-26T10:00:00Z, run a (seen in h1, renewed " in said
    assert (first.renew(), {place.seen() for place in hosts.places.values()}) == (None, {"a"})
    first.free("")
    assert (hosts.in_etcd, {place.seen() for place in hosts.places.values()}) == ("", {None})
    assert taken("b").renew() is None


def test_each_host_is_asked_once_to_take_it_and_once_to_give_it_back(hosts: Hosts) -> None:
    taken("a").free("")
    assert sorted(hosts.asked) == ["h1", "h1", "h2", "h2", "h3", "h3"]


def test_etcd_keeps_two_apart_that_reach_different_hosts(hosts: Hosts) -> None:
    hosts.silent = {"h2", "h3"}
    taken("a")
    hosts.silent = {"h1"}
    assert "seen in etcd" in refused(lock("b"))
    assert {place.seen() for place in hosts.places.values()} == {"a", None}
    assert hosts.in_etcd == written(holder("a"))


def test_without_etcd_the_first_host_that_both_reach_decides(hosts: Hosts) -> None:
    hosts.etcd_ends()
    hosts.silent = {"h1"}
    taken("a")
    hosts.silent = set()
    assert "seen in h2" in refused(lock("b"))
    assert hosts.places["h1"].seen() is None


def test_hosts_of_which_none_answers_are_no_free_ones(hosts: Hosts) -> None:
    hosts.silent = {"h1", "h2", "h3"}
    assert "main: no host can be asked for the lock" in refused(lock("a"))


def test_a_run_whose_process_is_gone_holds_up_nobody_of_its_machine(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken("a")
    monkeypatch.setattr(run_lock, "is_gone", lambda pid, started: True)
    assert "run a" in refused(lock("b", machine="another"))
    assert "run a" in refused(lock("b", machine=""))
    assert taken("c").renew() is None
    assert {place.seen() for place in hosts.places.values()} == {"c"}


def test_a_broken_lock_is_lost_and_the_other_s(hosts: Hosts) -> None:
    first, second = taken("a"), taken("b", breaks=True)
    assert str(first.renew()).startswith("it is held now by deploys/cluster.py by root@here")
    first.free("")
    assert (second.renew(), hosts.in_etcd) == (None, written(holder("b")))
    second.free("")
    assert lock("c").take("") is None


def test_one_that_is_broken_where_no_common_host_is_reached_is_lost_by_etcd(hosts: Hosts) -> None:
    hosts.silent = {"h2", "h3"}
    first = taken("a")
    hosts.silent = {"h1"}
    taken("b", breaks=True)
    hosts.silent = set()
    assert "run b" in str(first.renew())


def test_etcd_that_ends_meanwhile_ends_nothing(hosts: Hosts) -> None:
    first = taken("a")
    hosts.etcd_ends()
    assert [first.renew() for _ in range(4)] == [None] * 4
    assert "run a" in refused(lock("b"))
    hosts.etcd_is_back()
    for name in ("lease.1", "value", "of"):
        (hosts.etcd / name).unlink()
    assert [first.renew() for _ in range(4)] == [None] * 4
    assert hosts.in_etcd == written(holder("a"))


def test_etcd_that_comes_up_meanwhile_is_taken_too(hosts: Hosts) -> None:
    hosts.etcd_ends()
    first = taken("a")
    hosts.etcd_is_back()
    assert [first.renew() for _ in range(2)] == [None] * 2
    assert hosts.in_etcd == written(holder("a"))
    first.free("")
    assert hosts.in_etcd == ""


def test_what_is_left_in_etcd_of_a_run_that_has_ended_is_replaced(hosts: Hosts) -> None:
    """As after a stop of the whole cluster, which cannot give back what etcd has."""
    stopping = taken("stop")
    hosts.etcd_ends()
    stopping.free("")
    starting = taken("start")
    hosts.etcd_is_back()
    assert [starting.renew() for _ in range(3)] == [None] * 3
    assert hosts.in_etcd == written(holder("start"))


def test_who_does_not_have_every_host_leaves_in_etcd_what_is_there(hosts: Hosts) -> None:
    other = taken("a")
    hosts.etcd_ends()
    other.free("")
    hosts.silent = {"h3"}
    first = taken("b")
    hosts.etcd_is_back()
    assert [first.renew() for _ in range(3)] == [None] * 3
    assert hosts.in_etcd == written(holder("a"))


def test_a_host_that_was_started_again_is_taken_again(hosts: Hosts) -> None:
    first = taken("a")
    hosts.places["h2"].boot("second")
    assert (first.renew(), hosts.places["h2"].seen(), first.renew()) == (None, "a", None)


def test_one_that_was_removed_by_hand_is_lost(hosts: Hosts) -> None:
    first = taken("a")
    (hosts.places["h2"].directory / "run" / "main").unlink()
    assert first.renew() == "it was removed from a host"


def test_a_host_that_is_silent_for_a_while_says_nothing(hosts: Hosts) -> None:
    first = taken("a")
    before = first.renewed
    hosts.silent = {"h1"}
    assert (first.renew(), first.renewed > before) == (None, True)
    renewed, hosts.silent = first.renewed, {"h1", "h2", "h3"}
    assert (first.renew(), first.renewed) == (None, renewed)


def test_a_host_that_cannot_note_it_lets_nobody_in(hosts: Hosts) -> None:
    (hosts.places["h2"].directory / "run").write_text("a file")
    said = refused(lock("a"))
    assert re.match(r"h2: the lock cannot be noted: .*\nHINT: ", said), said
    assert (hosts.places["h1"].seen(), hosts.in_etcd) == (None, "")


# --- Before each command of an act ---


def outcome(hosts: Hosts, one: RunLock, name: str) -> tuple[int, str]:
    code, lines = hosts.places[name].run(f"exec 2>&1; ({one.look(name)}\necho acted)")
    return code, " ".join(lines)


def test_an_act_is_done_as_long_as_the_lock_there_is_the_run_s_own(hosts: Hosts) -> None:
    first = taken("a")
    assert outcome(hosts, first, "h2") == (0, "acted")
    second = taken("b", breaks=True)
    for _ in range(2):
        code, said = outcome(hosts, first, "h2")
        assert (code, "this run has lost its lock" in said, "acted" in said) == (75, True, False)
        second.free("")


def test_an_act_on_a_host_that_was_started_again_is_done(hosts: Hosts) -> None:
    first = taken("a")
    hosts.places["h2"].boot("second")
    (hosts.places["h2"].directory / "run" / "main").unlink()
    assert outcome(hosts, first, "h2") == (0, "acted")
    taken("b", breaks=True)
    assert outcome(hosts, first, "h2")[0] == 75


# --- Dedicated hosts ---


def test_the_hosts_of_etcd_come_first(hosts: Hosts) -> None:
    member, *rest = CLUSTER.nodes
    apart = replace(CLUSTER, nodes=(replace(member, roles=frozenset({"postgres"})), *rest))
    taken("a", cluster=apart).free("")
    assert (hosts.asked[0], sorted(hosts.asked[1:3])) == ("h2", ["h1", "h3"])


def test_a_host_without_a_client_of_etcd_asks_nothing_and_the_next_one_does(hosts: Hosts) -> None:
    (hosts.places["h1"].directory / "pki" / "etcd.key").unlink()
    first = taken("a")
    assert (hosts.asked[:], hosts.in_etcd, first.renew()) == (["h1", "h2", "h3"], written(holder("a")), None)
