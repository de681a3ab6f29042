"""Who is told to wait, when they go on, and what a run does where a transaction or a PgBouncer is in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from pyinfra.context import ctx_host

import operations.acts.held_clients as module
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.verdicts.held_clients import HOLD, Holding
from operations.acts.held_clients import clients_held, ended_when_it_writes
from tests.world.hosts import fake_cluster

BUSY = ["write|shop|anna|4711"]
HELD, SILENT = ["held"], None


class Poolers:
    """Hosts that do what they are told. + says: what each answers to a question, in turn; the last for ever"""

    def __init__(self, **says: Sequence[list[str] | None]) -> None:
        self.says = {name: list(answers) for name, answers in says.items()}
        self.told: list[tuple[str, str]] = []

    def run_each(self, name: str, commands: Sequence[str], _: int) -> list[list[str] | None]:
        (command,) = commands
        self.told.append((name, command))
        if " await " not in command:
            return [["written"] if "echo written" in command else ["0"]]
        answers = self.says.get(name, [HELD])
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    def named(self, word: str) -> list[str]:
        return [name for name, command in self.told if word in command]


@pytest.fixture
def cluster() -> Cluster:
    return fake_cluster(roles=("postgres", "etcd", "haproxy"), pgbouncer_on="haproxy")


@pytest.fixture
def among(monkeypatch: pytest.MonkeyPatch) -> Callable[[Poolers], Poolers]:
    def put(poolers: Poolers) -> Poolers:
        monkeypatch.setattr(module, "run_each", poolers.run_each)
        monkeypatch.setattr(module, "target_named", lambda name: name)
        monkeypatch.setattr(module, "target_of", lambda node: node.name)
        monkeypatch.setattr(module, "in_this_run", tuple)
        monkeypatch.setattr(module, "dry_run", lambda: False)
        return poolers

    return put


def hold(
    cluster: Cluster, holding: Holding = HOLD, act: Callable[[Any], None] = lambda held: held.end("h2")
) -> list[str]:
    """What the run said."""
    said: list[str] = []
    with ctx_host.use(SimpleNamespace(log=said.append)), clients_held(cluster, holding, cluster.node("h1")) as held:
        act(held)
    return said


def test_all_are_held_and_go_on_where_they_would_be_served(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers())
    hold(cluster)
    assert poolers.named("systemctl restart pgbouncer-hold@write") == ["h1", "h2", "h3"]
    assert poolers.named("= h2 ]; do sleep") == poolers.named("systemctl stop") == ["h1", "h2", "h3"]


def test_work_that_fails_lets_them_go_on(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers())

    def fail(_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hold(cluster, act=fail)
    assert poolers.named("systemctl stop pgbouncer-hold@write") == ["h1", "h2", "h3"]


def test_a_transaction_that_does_not_end_ends_the_run(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers(h3=[BUSY]))
    with pytest.raises(UnsafeError, match="1 transactions through PgBouncer last longer than 5 s: anna in shop"):
        hold(cluster, act=lambda _: pytest.fail("nothing may be done"))
    assert poolers.named("systemctl stop") == ["h1", "h2", "h3"]


def test_it_is_waited_for_while_everybody_is_served(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers(h3=[BUSY, HELD]))
    hold(cluster, Holding(transactions="wait"))
    words = [word for _, command in poolers.told for word in ("restart", "stop", "xact_start") if word in command]
    assert words == [*["restart"] * 3, *["stop"] * 3, "xact_start", *["restart"] * 3, *["stop"] * 3]


def test_it_is_terminated_on_the_primary(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers(h3=[BUSY, HELD]))
    hold(cluster, Holding(transactions="terminate"))
    (ended,) = [one for one in poolers.told if "pg_terminate_backend" in one[1]]
    assert ended[0] == "h1" and "pid in (4711)" in ended[1]
    assert poolers.named("systemctl restart") == ["h1", "h2", "h3"]


def test_one_that_does_not_answer_is_named_and_the_others_go_on(cluster: Cluster, among: Any) -> None:
    poolers = among(Poolers(h2=[SILENT]))
    with pytest.raises(UnsafeError, match="PgBouncer on h2 does not hold its clients back"):
        hold(cluster, act=lambda _: pytest.fail("nothing may be done"))
    assert poolers.named("systemctl stop") == ["h1", "h2", "h3"]
    poolers = among(Poolers(h2=[SILENT]))
    hold(cluster, Holding(without=("h2",)))
    assert poolers.named("restart") == poolers.named("systemctl stop") == ["h1", "h3"]


def test_without_pools_nobody_is_asked(among: Any) -> None:
    poolers = among(Poolers())
    hold(fake_cluster(roles=("postgres", "etcd", "haproxy")))
    assert poolers.told == []


def test_they_go_on_while_the_work_goes_on_as_soon_as_a_write_is_taken(cluster: Cluster, among: Any) -> None:
    """And a write that waits for a standby would keep them longer."""
    poolers = among(Poolers())

    def act(held: Any) -> None:
        with ended_when_it_writes(held, cluster.node("h2"), "select 1 / 1"):
            gevent.sleep(0.1)
            assert held.seconds is not None

    assert hold(cluster, act=act)[-1].startswith("clients of PgBouncer waited for ")
    (asked,) = [one for one in poolers.told if "echo written" in one[1]]
    assert asked[0] == "h2" and asked[1].index("synchronous_commit = local") < asked[1].index("select 1 / 1")
    assert poolers.named("= h2 ]; do sleep") == ["h1", "h2", "h3"]
