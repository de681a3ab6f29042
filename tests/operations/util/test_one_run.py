"""A run that acts, by pyinfra itself on simulated hosts: when it takes the lock, when it stops, what it notes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.verdicts.run_lock import RENEW_SECONDS
from operations.acts.act import Act
from operations.util import one_run
from operations.util.hosts import acts_here
from operations.util.one_run import OneRun, acted, command_words
from tests.operations.lock_places import Place
from tests.world import hosts as fake_hosts
from tests.world.hosts import fake_cluster, run_operations
from tests.world.known import Act as Told
from tests.world.known import Question
from tests.world.world import FailsError

Steps = Generator[PyinfraCommand, None, None]
EVERY = ("h1", "h2", "h3")
CLUSTER = fake_cluster()


class Hosts:
    """Hosts without an etcd that do what they are told. + done: the commands of acts; + then: what happens after one"""

    def __init__(self, directory: Path) -> None:
        self.places = {name: Place(directory / name, 1) for name in EVERY}
        self.done: list[str] = []
        self.then: Callable[[], None] = lambda: None
        for place in self.places.values():
            place.boot("first")

    def asked(self, host: str, question: Question) -> list[str]:
        """See the protocol of ``tests.world.hosts``."""
        raise AssertionError(f"{host} was asked for {question.fact.__name__}")

    def told(self, host: str, act: Told) -> list[str]:
        """See the protocol of ``tests.world.hosts``."""
        if act.text.startswith("set -- "):
            code, lines = self.places[host].run(act.text)
        else:
            self.done.append(f"{act.text} on {host}")
            self.then()
            code, lines = int(act.text == "false"), []
        if code != 0:
            raise FailsError(*lines)
        return lines

    def locked(self) -> set[str | None]:
        return {place.seen() for place in self.places.values()}

    def journal(self, name: str) -> list[dict[str, Any]]:
        path = self.places[name].journal
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def lock(self, run: str, cluster: str = "main", **named: Any) -> None:
        for place in self.places.values():
            place.ran("take", run, cluster=cluster, **named)


@operation()
def first(cluster: Cluster) -> Steps:
    """Something on every host."""
    yield StringCommand("first")


@operation()
def second(cluster: Cluster) -> Steps:
    """Something that one host does on another."""
    if acts_here(cluster.nodes):
        yield Act(cluster.nodes[1], StringCommand("second"))


@operation()
def failing(cluster: Cluster) -> Steps:
    """What does not work on any host."""
    yield StringCommand("false")


@operation()
def refusing(cluster: Cluster) -> Steps:
    """A refusal of one of the hosts."""
    raise UnsafeError("h1 is not well\nHINT: see to it.")
    yield


@operation()
def idle(cluster: Cluster) -> Steps:
    """Nothing that is to be done."""
    yield from ()


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    there = Hosts(tmp_path)
    monkeypatch.setattr(fake_hosts, "run_ops", lambda state: acted(run_ops, state))
    monkeypatch.setattr(one_run, "declared_clusters_of", lambda inventory: {"main": CLUSTER})
    called(monkeypatch, "deploys/cluster.py")
    one_run._told.clear()
    return there


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["pyinfra", "-y", "inventory.py", *words])


def run(monkeypatch: pytest.MonkeyPatch, hosts: Hosts, *steps: Any) -> None:
    run_operations(monkeypatch, hosts, CLUSTER, [(step, {}) for step in steps])


def test_a_run_has_the_lock_while_it_acts_and_notes_itself_on_every_host(
    monkeypatch: pytest.MonkeyPatch, hosts: Hosts
) -> None:
    seen: list[set[str | None]] = []
    hosts.then = lambda: seen.append(hosts.locked())
    run(monkeypatch, hosts, first, second)
    assert sorted(hosts.done) == ["first on h1", "first on h2", "first on h3", "second on h2"]
    (of_the_run,) = seen[0]
    assert seen == [{of_the_run}] * 4 and of_the_run is not None
    assert hosts.locked() == {None}
    for name in EVERY:
        begin, end = hosts.journal(name)
        assert (begin["event"], begin["run"], begin["what"]) == ("begin", of_the_run, "inventory.py deploys/cluster.py")
        assert (end["event"], end["exit"], end["acts"], "why" in end) == ("end", 0, 4, False)


def test_a_second_run_is_refused_before_its_first_step(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    hosts.lock("a")
    with pytest.raises(UnsafeError, match=r"main is locked by another run: .* run a "):
        run(monkeypatch, hosts, first)
    assert (hosts.done, hosts.locked(), hosts.journal("h1")) == ([], {"a"}, [])


def test_a_run_that_only_looks_takes_no_lock_and_waits_for_none(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    hosts.lock("a")
    called(monkeypatch, "deploys/probe.py")
    run(monkeypatch, hosts, idle)
    assert (hosts.locked(), hosts.journal("h1")) == ({"a"}, [])


def test_a_run_of_nobody_s_project_is_left_alone(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    hosts.lock("a")
    called(monkeypatch, "mine.py")
    run(monkeypatch, hosts, first)
    assert len(hosts.done) == 3


def test_a_run_beside_a_looking_one_acts(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    hosts.lock("a")
    called(monkeypatch, "deploys/probe.py", "deploys/cluster.py")
    with pytest.raises(UnsafeError, match="is locked by another run"):
        run(monkeypatch, hosts, first)


def test_a_run_with_nothing_to_do_notes_that(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    run(monkeypatch, hosts, idle)
    assert [(one["event"], one.get("acts")) for one in hosts.journal("h3")] == [("begin", None), ("end", 0)]


@pytest.mark.parametrize(("step", "why"), [(failing, None), (refusing, "h1 is not well")])
def test_a_run_that_fails_gives_the_lock_back_and_notes_why(
    step: Any, why: str | None, monkeypatch: pytest.MonkeyPatch, hosts: Hosts
) -> None:
    with pytest.raises(PyinfraError):
        run(monkeypatch, hosts, step)
    end = hosts.journal("h2")[-1]
    assert (hosts.locked(), end["exit"], bool(end["why"])) == ({None}, 1, True)
    assert why in (None, end["why"])


@pytest.mark.parametrize("step", [first, second])
def test_a_run_whose_lock_is_broken_stops_before_its_next_step(
    step: Any, monkeypatch: pytest.MonkeyPatch, hosts: Hosts, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(one_run, "STALE_SECONDS", -1)  # each step asks for it
    runs: list[str | None] = []

    def broken() -> None:
        if len(hosts.done) == 3:
            runs.extend(hosts.locked())
            hosts.lock("b", over=str(runs[0]))

    hosts.then = broken
    monkeypatch.setattr(OneRun, "_stale", lambda self: [] if self.lost or len(hosts.done) < 3 else ["main"])
    with pytest.raises(PyinfraError):
        run(monkeypatch, hosts, first, step)
    assert (len(hosts.done), hosts.locked()) == (3, {"b"})
    assert caplog.text.count("this run has lost its lock: it is held now by deploys/cluster.py by root@here") == 1


def test_of_two_clusters_both_are_locked_or_none(monkeypatch: pytest.MonkeyPatch, hosts: Hosts) -> None:
    here = replace(CLUSTER, name="a", nodes=CLUSTER.nodes[:1])
    there = replace(CLUSTER, name="b", nodes=CLUSTER.nodes[1:])
    monkeypatch.setattr(one_run, "declared_clusters_of", lambda inventory: {"a": here, "b": there})
    hosts.places["h3"].ran("take", "x", cluster="b")
    with pytest.raises(UnsafeError, match="b is locked by another run"):
        run(monkeypatch, hosts, first)
    assert (hosts.done, hosts.places["h1"].seen("a"), hosts.places["h2"].seen("b")) == ([], None, None)
    hosts.places["h3"].ran("free", "x", cluster="b")
    run(monkeypatch, hosts, first)
    assert [hosts.journal(name)[-1]["exit"] for name in EVERY] == [0, 0, 0]
    assert {hosts.journal(name)[-2]["cluster"] for name in EVERY} == {"a", "b"}


# --- What is renewed, and when ---


class Renewals:
    """Stands in for a lock. + answers: what its renewals say, one after the other"""

    def __init__(self, renewed: float, *answers: str | None) -> None:
        self.cluster, self.renewed, self.answers = CLUSTER, renewed, list(answers)
        self.count = 0

    def renew(self) -> str | None:
        self.count += 1
        return self.answers.pop(0) if self.answers else None


def test_what_was_renewed_just_now_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run, "now", lambda: 100.0)
    lock = Renewals(95.0)
    assert (OneRun([lock]).may_act(), lock.count) == (True, 0)  # type: ignore[list-item]


def test_after_a_sleep_it_is_asked_for_before_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run, "now", lambda: 1000.0)
    silent = OneRun([Renewals(95.0)])  # type: ignore[list-item]
    assert (silent.may_act(), silent.lost) == (False, "no host of main renews it")
    lost = OneRun([Renewals(95.0, "it is held now by another")])  # type: ignore[list-item]
    assert (lost.may_act(), lost.lost) == (False, "it is held now by another")


def test_it_is_renewed_until_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(one_run.gevent, "sleep", slept.append)
    lock = Renewals(0.0, None, None, "it is held now by another")
    OneRun([lock]).renewed_for_ever()  # type: ignore[list-item]
    assert (lock.count, slept) == (3, [RENEW_SECONDS] * 3)


def test_the_words_of_a_command_line_that_may_be_noted() -> None:
    words = ["-y", "--limit", "pg1", "inventory.py", "deploys/restore.py", "--data", "confirm=main"]
    words += ["--data=ssh_password=s3cret", "--data", "_sudo_password=s3cret", "--exclude=pg2"]
    words += ["--ssh-password", "s3cret"]
    said = command_words(words)
    assert said == (
        "inventory.py deploys/restore.py --limit pg1 --data confirm=main --data ssh_password=... "
        "--data _sudo_password=... --exclude pg2"
    )
