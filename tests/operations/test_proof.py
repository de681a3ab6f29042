"""The end of a run: what it uses, and that a cluster which does not do what it is for ends it with the reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.secrets.secrets import Secret
from facts.answer import Question
from facts.etcd import EtcdCluster
from facts.host_answers import HostAnswers
from facts.patroni import PatroniCluster
from facts.proof import EndpointsTried
from operations import proof
from operations.live.together import commands
from operations.util.said import keep_answers
from tests.cluster.live_members import patroni_member
from tests.host_answers import told
from tests.world.etcd import etcd, etcd_member
from tests.world.hosts import fake_cluster, run_operations
from tests.world.patroni import patroni
from tests.world.world import Lines, World, answer

BALANCED = ("postgres", "etcd", "haproxy")


@dataclass
class UsedWorld(World):
    """
    A cluster whose first member leads.

    + writable: addresses and ports that take writes; + closed: that take nobody
    + behind: which member answers at an address and port, where it is not one that fits
    + absent: virtual addresses that no host has; + heard: whether PostgreSQL listens on them
    + tried: what was tried, by the host on which it was; + alone: what else was asked, each in a command of its own
    """

    cluster: Cluster
    writable: set[tuple[str, int]]
    closed: set[tuple[str, int]] = field(default_factory=set)
    behind: dict[tuple[str, int], str] = field(default_factory=dict)
    synchronous: tuple[str, ...] = ()
    settled: bool = True
    alarms: str = ""
    tried: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    heard: bool = True

    @answer(HostAnswers)
    def _all(self, host: str, commands: Mapping[str, str], **_: Any) -> Lines:
        known = {"patroni": self._patroni_lines(), "etcd": self._etcd_lines()}
        return told({name: (0, "\n".join(known[name]), "") for name in commands})

    @answer(EndpointsTried)
    def _tried(self, host: str, stdin: str) -> Lines:
        self.tried[host] = json.loads(stdin)["endpoints"]
        return [json.dumps([self._used(one) for one in self.tried[host]])]

    def _used(self, one: dict[str, Any]) -> dict[str, Any]:
        endpoint = one["address"], one["port"]
        up, writes = endpoint not in self.closed, endpoint in self.writable
        said = {"connected": up, "wrote": writes, "refused": not writes, "in_recovery": not writes}
        fitting = one["primaries"] if writes else one["standbys"]
        server = self.behind.get(endpoint, next(iter(fitting), ""))
        left_out = {"left_out": True, "heard": self.heard} if one["address"] in self.absent else {}
        return {**one, **said, "server": server, "version": "17.6", "error": "" if up else "refused", **left_out}

    @answer(PatroniCluster)
    def _patroni(self, host: str, **_: Any) -> Lines:
        self.alone.append("patroni")
        return self._patroni_lines()

    def _patroni_lines(self) -> Lines:
        members = {node.name: patroni_member(node.name == "h1") for node in self.cluster.members}
        for name in self.synchronous:
            members[name] |= {"synchronous": True}
        if not self.settled:
            members["h3"] |= {"streaming": False, "state": "starting"}
        return patroni("h1", members, settled=self.settled)

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        self.alone.append("etcd")
        return self._etcd_lines()

    def _etcd_lines(self) -> Lines:
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


def prove(
    monkeypatch: pytest.MonkeyPatch, world: UsedWorld, limit: Sequence[str] = (), before: Sequence[Any] = ()
) -> list[str]:
    """The card. + before: operations of the same run"""
    card: list[str] = []
    monkeypatch.setattr(proof, "print_lines", card.extend)
    secrets = {"PATRONI_ADMIN_PASSWORD": Secret("word")}
    places = {"ca": "/ca.crt", "password": "a file"}
    steps = [*((one, {}) for one in before), (proof.proven, {"secrets": secrets, "places": places})]
    run_operations(monkeypatch, world, world.cluster, steps, limit)
    return card


@operation()
def first_asked(cluster: Cluster) -> Iterator[FunctionCommand]:
    """The first look at what the proof needs."""
    etcd = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    names = [node.name for node in cluster.members]
    questions: dict[str, Question] = {"patroni": (PatroniCluster, {"expected": names}), "etcd": (EtcdCluster, etcd)}
    keep_answers(questions, lambda: host.get_fact(HostAnswers, commands=commands(questions)))
    yield from ()


@operation()
def changed(cluster: Cluster) -> Iterator[FunctionCommand]:
    """Something is done on one host."""
    if host.name.endswith("h1"):
        yield FunctionCommand(lambda: None, (), {})


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
    assert [(name, len(tried)) for name, tried in balanced.tried.items()] == [("h1", 9)]


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


def test_a_port_of_any_member_that_leads_to_a_stranger_is_no_proof(
    monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld
) -> None:
    balanced.behind = {("10.0.0.2", 5004): "10.0.0.77"}
    assert refusal(monkeypatch, balanced) == ["10.0.0.2 port 5004 leads to 10.0.0.77, which is no member"]


def test_the_ports_of_a_synchronous_mode_are_tried_by_what_patroni_says(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster(roles=BALANCED, patroni_synchronous_mode="on")
    world = UsedWorld(cluster, {(str(node.address), 5000) for node in cluster}, synchronous=("h2",))
    prove(monkeypatch, world)
    expected = {one["port"]: one["standbys"] for one in world.tried["h1"]}
    assert (expected[5002], expected[5003]) == (["10.0.0.2"], ["10.0.0.3"])
    world.behind = {("10.0.0.1", 5002): "10.0.0.3", ("10.0.0.3", 5003): "10.0.0.2"}
    assert refusal(monkeypatch, world) == [
        "10.0.0.1 port 5002 leads to h3, which is not synchronous",
        "10.0.0.3 port 5003 leads to h2, which is synchronous, or leads",
    ]


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


@pytest.mark.parametrize(("before", "again"), [([], 1), ([first_asked], 0), ([first_asked, changed], 1)])
def test_who_has_just_said_it_is_asked_again_only_after_a_change(
    monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld, before: list[Any], again: int
) -> None:
    assert prove(monkeypatch, balanced, before=before)[0].startswith("main: PostgreSQL 17.6")
    assert sorted(balanced.alone) == ["etcd", "patroni"] * again
    assert len(balanced.tried["h1"]) == 9, "by use, in any case"


def test_it_refuses_by_nothing_that_was_said_before(monkeypatch: pytest.MonkeyPatch, balanced: UsedWorld) -> None:
    balanced.closed = {("10.0.0.1", 5001)}
    with pytest.raises(UnsafeError, match=r"10\.0\.0\.1 port 5001 does not connect"):
        prove(monkeypatch, balanced, before=[first_asked])
    assert sorted(balanced.alone) == ["etcd", "patroni"]


VIRTUAL = {"vip_mode": "leader", "vip_write": ["10.0.0.100"]}


def test_a_member_s_virtual_address_is_used_beside_what_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = UsedWorld(fake_cluster(**VIRTUAL), {("10.0.0.1", 5432), ("10.0.0.100", 5432)})
    prove(monkeypatch, world)
    tried = {name: [(one["address"], one.get("if")) for one in listed] for name, listed in world.tried.items()}
    assert tried == {f"h{n}": [(f"10.0.0.{n}", None), ("10.0.0.100", "held")] for n in (1, 2, 3)}


def test_a_virtual_address_on_no_member_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    world = UsedWorld(fake_cluster(**VIRTUAL), {("10.0.0.1", 5432)}, absent={"10.0.0.100"})
    assert refusal(monkeypatch, world) == ["no member serves 10.0.0.100"]


def test_one_that_waits_for_a_restart_of_postgresql_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    world = UsedWorld(fake_cluster(**VIRTUAL), {("10.0.0.1", 5432)}, absent={"10.0.0.100"}, heard=False)
    assert prove(monkeypatch, world)[-1] == (
        "  note   no member serves 10.0.0.100 until deploys/restart_pending.py has run"
    )


def test_virtual_addresses_of_haproxy_are_used_from_one_member(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"vip_mode": "haproxy", "vip_interface": "eth0", "vip_write": ["10.0.0.100"]}
    cluster = fake_cluster(roles=BALANCED, **given)
    world = UsedWorld(cluster, {*((str(node.address), 5000) for node in cluster)})
    assert refusal(monkeypatch, world) == ["10.0.0.100 port 5000 leads to a member that refuses writes"]
    assert list(world.tried) == ["h1"]
