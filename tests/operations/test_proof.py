"""The end of a run: what it uses, and that a cluster which does not do what it is for ends it with the reasons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.secrets.secrets import Secret
from facts.etcd import EtcdCluster
from facts.patroni import PatroniCluster
from facts.proof import EndpointsTried
from operations import proof
from tests.cluster.live_members import patroni_member
from tests.world.etcd import etcd, etcd_member
from tests.world.hosts import fake_cluster, run_operation
from tests.world.patroni import patroni
from tests.world.world import Lines, World, answer

BALANCED = ("postgres", "etcd", "haproxy")


@dataclass
class UsedWorld(World):
    """
    A cluster whose first member leads.

    + writable: addresses and ports that take writes; + closed: that take nobody
    + tried: what was tried, by the host on which it was
    """

    cluster: Cluster
    writable: set[tuple[str, int]]
    closed: set[tuple[str, int]] = field(default_factory=set)
    settled: bool = True
    alarms: str = ""
    tried: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @answer(EndpointsTried)
    def _tried(self, host: str, stdin: str) -> Lines:
        self.tried[host] = json.loads(stdin)["endpoints"]
        return [json.dumps([self._used(one) for one in self.tried[host]])]

    def _used(self, one: dict[str, Any]) -> dict[str, Any]:
        door = one["address"], one["port"]
        up, writes = door not in self.closed, door in self.writable
        said = {"connected": up, "wrote": writes, "refused": not writes, "in_recovery": not writes}
        return {**one, **said, "version": "17.6", "error": "" if up else "refused"}

    @answer(PatroniCluster)
    def _patroni(self, host: str, **_: Any) -> Lines:
        members = {node.name: patroni_member(node.name == "h1") for node in self.cluster.members}
        if not self.settled:
            members["h3"] |= {"streaming": False, "state": "starting"}
        return patroni("h1", members, settled=self.settled)

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        urls = {node.name: node.address.url(2380) for node in self.cluster.etcd}
        health = [{"endpoint": node.address.url(2379), "health": True} for node in self.cluster.etcd]
        return etcd([etcd_member(n, *one) for n, one in enumerate(urls.items(), 1)], {}, health, self.alarms)


@pytest.fixture
def balanced() -> UsedWorld:
    cluster = fake_cluster(roles=BALANCED)
    return UsedWorld(cluster, {(str(node.address), 5000) for node in cluster})


@pytest.fixture
def bare() -> UsedWorld:
    """Clients come to the members themselves."""
    return UsedWorld(fake_cluster(), {("10.0.0.1", 5432)})


def prove(monkeypatch: pytest.MonkeyPatch, world: UsedWorld, limit: Sequence[str] = ()) -> list[str]:
    """The card."""
    card: list[str] = []
    monkeypatch.setattr(proof, "print_lines", card.extend)
    secrets = {"PATRONI_ADMIN_PASSWORD": Secret("word")}
    places = {"ca": "/ca.crt", "password": "a file"}
    run_operation(monkeypatch, world, world.cluster, proof.proven, limit=limit, secrets=secrets, places=places)
    return card


def refusal(monkeypatch: pytest.MonkeyPatch, world: UsedWorld) -> list[str]:
    with pytest.raises(UnsafeError) as refused:
        prove(monkeypatch, world)
    first, *faults, last = str(refused.value).splitlines()
    assert (first, last) == (
        "the cluster is built, but the final verification failed:",
        "HINT: fix the first, run again.",
    )
    return [fault.strip() for fault in faults]


def test_every_haproxy_is_used_from_one_member(monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld) -> None:
    assert prove(monkeypatch, balanced)[0] == "main: PostgreSQL 17.6, Patroni 4.0.7, timeline 3"
    assert [(name, len(tried)) for name, tried in balanced.tried.items()] == [("h1", 6)]


def test_without_haproxy_every_member_is_used_on_itself(monkeypatch: pytest.MonkeyPatch, bare: UsedWorld) -> None:
    assert prove(monkeypatch, bare)[0].startswith("main: PostgreSQL 17.6")
    assert {name: [one["wants"] for one in tried] for name, tried in bare.tried.items()} == {
        "h1": ["write"],
        "h2": ["read"],
        "h3": ["read"],
    }


def test_a_member_that_takes_nobody_is_named(monkeypatch: pytest.MonkeyPatch, bare: UsedWorld) -> None:
    bare.closed = {("10.0.0.3", 5432)}
    assert refusal(monkeypatch, bare) == ["10.0.0.3 port 5432 does not connect: refused"]


def test_a_read_only_port_that_takes_writes_is_no_proof(monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld) -> None:
    balanced.writable |= {("10.0.0.2", 5001)}
    assert refusal(monkeypatch, balanced) == ["10.0.0.2 port 5001 leads to a member that takes writes"]


def test_a_read_write_port_that_takes_none_is_no_proof(monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld) -> None:
    balanced.writable -= {("10.0.0.3", 5000)}
    assert refusal(monkeypatch, balanced) == ["10.0.0.3 port 5000 leads to a member that refuses writes"]


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld) -> None:
    balanced.settled, balanced.alarms = False, "memberID:1 alarm:NOSPACE"
    balanced.closed = {("10.0.0.1", 5001)}
    assert refusal(monkeypatch, balanced) == [
        "etcd has an alarm: memberID:1 alarm:NOSPACE",
        "h3 starting, on timeline 3; the leader is on 3",
        "10.0.0.1 port 5001 does not connect: refused",
    ]


def test_hosts_beyond_the_limit_are_not_used(monkeypatch: pytest.MonkeyPatch, bare: UsedWorld) -> None:
    prove(monkeypatch, bare, limit=["h1", "h2"])
    assert sorted(bare.tried) == ["h1", "h2"]


@pytest.mark.parametrize("silent", ["h1", "h3"])
def test_a_member_that_could_not_be_tried_is_no_proof(
    monkeypatch: pytest.MonkeyPatch, bare: UsedWorld, silent: str
) -> None:
    ask = proof.read_each
    monkeypatch.setattr(proof, "read_each", lambda asked: {**ask(asked), silent: None})
    with pytest.raises(UnsafeError, match=f"^{silent} cannot be reached\nHINT: "):
        prove(monkeypatch, bare)
