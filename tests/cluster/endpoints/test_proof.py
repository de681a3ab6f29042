"""Which endpoints the end of a run tries, and which answers are no proof."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.endpoints.endpoints import endpoints_from_here
from cluster.endpoints.proof import (
    broken_endpoints,
    endpoints,
    held_endpoints,
    own_endpoint,
    own_pools,
    question,
    unheld_addresses,
)
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from tests.world.hosts import fake_cluster

BALANCED = ("postgres", "etcd", "haproxy")
ALL = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
TRIED: dict[str, Any] = {
    "address": "10.0.0.1",
    "port": 5000,
    "wants": "write",
    "primaries": ALL,
    "standbys": [],
    "connected": True,
    "in_recovery": False,
    "server": "10.0.0.1",
    "wrote": True,
    "refused": False,
    "version": "17.6",
    "error": "",
}
STANDBY = {"in_recovery": True, "wrote": False, "refused": True, "server": "10.0.0.2"}
READER = TRIED | STANDBY | {"port": 5001, "wants": "read", "primaries": [], "standbys": ALL}


def told(synchronous: Sequence[str] = (), leader: str = "h1") -> Callable[[], Any]:
    """What Patroni says when it is asked."""
    members = {name: {"synchronous": name in synchronous} for name in ("h1", "h2", "h3")}
    return lambda: {"leader": leader, "members": members}


def unasked() -> Any:
    raise AssertionError("the declaration alone says who may answer")


def numbers(addresses: Sequence[str]) -> str:
    """The hosts of some addresses."""
    return "".join(one[-1] for one in addresses)


def ports(cluster: Cluster, look: Callable[[], Any] = unasked) -> list[tuple[int, str, str, str]]:
    """What is tried at the first HAProxy: port, what it is for, and who may answer as a primary and as a standby."""
    first = str(cluster.balancers[0].address)
    return [
        (one["port"], one["wants"], numbers(one["primaries"]), numbers(one["standbys"]))
        for one in endpoints(cluster, look)
        if one["address"] == first
    ]


WRITES, READS, ANY = (5000, "write", "123", ""), (5001, "read", "", "123"), (5004, "any", "123", "123")


def test_every_open_port_of_every_haproxy_is_tried() -> None:
    cluster = fake_cluster(roles=BALANCED)
    assert ports(cluster) == [WRITES, READS, ANY]
    tried = endpoints(cluster, unasked)
    assert [(one["address"], one["port"]) for one in tried] == [(x, port) for x in ALL for port in (5000, 5001, 5004)]


def test_clients_come_to_their_own_address_and_members_answer_from_the_cluster_s() -> None:
    hosts = [
        DeclaredHost(f"h{n}", BALANCED, {"cluster_address": f"10.0.0.{n}", "client_address": f"10.1.0.{n}"}, {})
        for n in (1, 2, 3)
    ]
    cluster = declared_clusters(hosts, {})[0]["main"]
    assert {one["address"] for one in endpoints(cluster, unasked)} == {"10.1.0.1", "10.1.0.2", "10.1.0.3"}
    assert endpoints(cluster, unasked)[0]["primaries"] == ALL
    assert own_endpoint(cluster, cluster.node("h2"), "h1")["address"] == "10.1.0.2"
    assert endpoints_from_here(cluster.nodes, 5000)[0] == ("10.1.0.1", 5000)


def test_readers_ports_are_tried_by_as_many_at_once_as_there_are_members() -> None:
    tried = endpoints(fake_cluster(roles=BALANCED), unasked)
    assert {one["port"]: one["times"] for one in tried} == {5000: 1, 5001: 3, 5004: 3}
    narrow = fake_cluster(roles=BALANCED, postgres_parameters={"max_connections": 25}, haproxy_member_share="divided")
    assert {one["times"] for one in endpoints(narrow, unasked)} == {1, 2}, "more would wait for each other"


def test_a_port_for_which_nobody_fits_is_not_tried() -> None:
    one = fake_cluster(1, roles=BALANCED, haproxy_replicas_fallback="none")
    assert ports(one, told()) == [(5000, "write", "1", ""), (5004, "any", "1", "1")]
    mode = fake_cluster(roles=BALANCED, patroni_synchronous_mode="on")
    assert [port for port, *_ in ports(mode, told())] == [5000, 5001, 5003, 5004]


def test_where_no_replica_can_be_the_readers_meet_the_primary() -> None:
    assert ports(fake_cluster(1, roles=BALANCED), told())[1] == (5001, "write", "1", "")
    lagging = fake_cluster(roles=BALANCED, haproxy_replica_max_lag_mib=16)
    assert ports(lagging)[1] == (5001, "read", "123", "123"), "each may lag too much at this moment"


@pytest.mark.parametrize(("mode", "synchronous"), [("on", ["h2"]), ("quorum", ["h2"])])
def test_the_ports_of_a_synchronous_mode_lead_to_whom_patroni_counts(mode: str, synchronous: list[str]) -> None:
    cluster = fake_cluster(roles=BALANCED, patroni_synchronous_mode=mode)
    assert ports(cluster, told(synchronous))[2:4] == [(5002, "synchronous", "", "2"), (5003, "asynchronous", "", "3")]


@pytest.mark.parametrize("kept", [{"patroni_tags": {"noloadbalance": True}}, {"haproxy_weight": 0}])
def test_a_member_that_is_kept_from_readers_is_expected_at_no_port_of_theirs(kept: dict[str, Any]) -> None:
    hosts = [
        DeclaredHost(f"h{n}", BALANCED, {"cluster_address": f"10.0.0.{n}", **(kept if n > 1 else {})}, {})
        for n in (1, 2, 3)
    ]
    clusters, found = declared_clusters(hosts, {})
    assert found == []
    primaries = "1" if "haproxy_weight" in kept else "123"
    assert ports(clusters["main"], told()) == [WRITES, (5001, "write", "123", ""), (5004, "any", primaries, "1")]
    assert ports(clusters["main"], told(leader="h2"))[1] == (5001, "read", "", "1")


def test_a_standby_cluster_takes_no_writes() -> None:
    one = fake_cluster(1, roles=BALANCED)
    assert ports(replace(one, source=fake_cluster())) == [(5001, "read", "", "1"), (5004, "any", "", "1")]


@pytest.mark.parametrize(
    ("listen", "by", "itself"),
    [
        ([], {"hostaddr": "127.0.0.1"}, "127.0.0.1"),
        (["*"], {"hostaddr": "127.0.0.1"}, "127.0.0.1"),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], {"host": "/var/run/postgresql"}, ""),
    ],
)
def test_without_haproxy_each_member_is_tried_as_what_it_is(listen: list[str], by: dict[str, str], itself: str) -> None:
    cluster = fake_cluster(postgres_listen=listen)
    known = {"address": "10.0.0.1", "port": 5432, "by": by}
    first = cluster.members[0]
    writes = {**known, "wants": "write", "primaries": [itself], "standbys": []}
    reads = {**known, "wants": "read", "primaries": [], "standbys": [itself]}
    assert own_endpoint(cluster, first, "h1") == writes
    assert own_endpoint(cluster, first, "h2") == reads
    assert own_endpoint(replace(cluster, source=fake_cluster()), first, "h1") == reads


ADDRESSES = {"vip_write": ["10.0.0.100", "fd00::100"], "vip_read": ["10.0.0.101"]}


def test_virtual_addresses_are_tried_at_haproxy_s_ports() -> None:
    cluster = fake_cluster(roles=BALANCED, vip_mode="haproxy", vip_interface="eth0", **ADDRESSES)
    listed = [one for one in endpoints(cluster, unasked) if "if" in one]
    write = {"port": 5000, "wants": "write", "primaries": ALL, "standbys": [], "times": 1, "if": "routed"}
    assert listed == [
        {"address": "10.0.0.100", **write},
        {"address": "fd00::100", **write},
        {**write, "address": "10.0.0.101", "port": 5001, "wants": "read", "primaries": [], "standbys": ALL, "times": 3},
    ]
    assert held_endpoints(cluster, cluster.node("h1")) == []
    assert [one["wants"] for one in endpoints(replace(cluster, source=fake_cluster()), unasked) if "if" in one] == [
        "read"
    ]


@pytest.mark.parametrize("mode", ["leader", "bgp"])
def test_those_of_members_are_tried_on_the_member_that_has_them(mode: str) -> None:
    routed: dict[str, Any] = {"bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000, "fd00::fe": 65000}}
    cluster = fake_cluster(vip_mode=mode, **ADDRESSES, **routed)
    held = {"port": 5432, "if": "held", "by": {"hostaddr": "127.0.0.1"}}
    assert held_endpoints(cluster, cluster.node("h2")) == [
        {"address": "10.0.0.100", "wants": "write", "primaries": ["127.0.0.1"], "standbys": [], **held},
        {"address": "fd00::100", "wants": "write", "primaries": ["127.0.0.1"], "standbys": [], **held},
        {"address": "10.0.0.101", "wants": "read", "primaries": [], "standbys": ["127.0.0.1"], **held},
    ]
    alone = fake_cluster(1, vip_mode=mode, **ADDRESSES, **routed)
    assert [one["wants"] for one in held_endpoints(alone, alone.node("h1"))] == ["write", "write"]


def test_an_address_that_no_member_has_is_no_proof() -> None:
    held = {**TRIED, "address": "10.0.0.100", "if": "held"}
    absent = {**held, "connected": False, "left_out": True}
    other = {**absent, "address": "10.0.0.101"}
    assert unheld_addresses([held, absent, other, other]) == ["no member serves 10.0.0.101"]
    assert broken_endpoints(fake_cluster(), [held, absent, other]) == []
    assert unheld_addresses([TRIED, {**absent, "if": "routed"}]) == []


def test_who_answers_has_to_prove_its_name() -> None:
    asked = json.loads(str(question(fake_cluster(), "word", [{"port": 5432}])))
    assert asked["endpoints"] == [{"port": 5432}]
    assert (asked["connection"]["sslmode"], asked["connection"]["password"]) == ("verify-full", "word")


@pytest.mark.parametrize(
    ("tried", "fault"),
    [
        (TRIED, None),
        (READER, None),
        (TRIED | {"connected": False, "error": "refused"}, "10.0.0.1 port 5000 does not connect: refused"),
        (TRIED | {"wrote": False, "refused": True}, "10.0.0.1 port 5000 leads to a member that refuses writes"),
        (TRIED | {"wrote": False}, "10.0.0.1 port 5000 leads to a member that refuses writes"),
        (READER | {"wrote": True, "refused": False}, "10.0.0.1 port 5001 leads to a member that takes writes"),
        # Refused for another reason is not refused as on a standby: nobody knows what it is.
        (READER | {"refused": False}, "10.0.0.1 port 5001 leads to a member that takes writes"),
        (TRIED | {"server": "10.0.0.9"}, "10.0.0.1 port 5000 leads to 10.0.0.9, which is no member"),
        (READER | {"standbys": ALL[2:]}, "10.0.0.1 port 5001 leads to h2, which is declared to get no readers"),
        (READER | {"primaries": ALL, "wants": "any"}, None),
        (
            READER | {"wants": "synchronous", "standbys": ALL[2:], "port": 5002},
            "10.0.0.1 port 5002 leads to h2, which is not synchronous",
        ),
        (
            READER | {"wants": "asynchronous", "standbys": ALL[2:], "port": 5003},
            "10.0.0.1 port 5003 leads to h2, which is synchronous, or leads",
        ),
    ],
)
def test_what_does_not_lead_where_it_should_is_no_proof(tried: Any, fault: str | None) -> None:
    assert broken_endpoints(fake_cluster(), [tried]) == ([] if fault is None else [fault])


def test_pools_in_front_of_haproxy_lead_where_its_ports_do() -> None:
    cluster = fake_cluster(roles=BALANCED, pgbouncer_on="haproxy", pgbouncer_session_size=2)
    pooled = [one for one in endpoints(cluster, unasked) if one["port"] in (6432, 6433, 6434)]
    assert [(one["address"], one["port"], one["wants"]) for one in pooled[:3]] == [
        ("10.0.0.1", 6432, "write"),
        ("10.0.0.1", 6433, "read"),
        ("10.0.0.1", 6434, "write"),
    ]
    assert len(pooled) == 9 and all(one["primaries"] == ALL for one in pooled if one["wants"] == "write")


def test_pools_are_tried_at_virtual_addresses_each_for_its_use() -> None:
    given = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_read": ["10.0.0.101"], "vip_interface": "eth0"}
    cluster = fake_cluster(roles=BALANCED, pgbouncer_on="haproxy", **given)
    listed = [(one["address"], one["port"]) for one in endpoints(cluster, unasked) if one.get("if") == "routed"]
    assert listed == [("10.0.0.100", 5000), ("10.0.0.101", 5001), ("10.0.0.100", 6432), ("10.0.0.101", 6433)]


def test_pools_of_a_member_lead_to_its_own_postgresql() -> None:
    cluster = fake_cluster(pgbouncer_on="members")
    assert endpoints(cluster, unasked) == []
    for name, wants in (("h1", "write"), ("h2", "read")):
        tried = own_pools(cluster, cluster.node(name), "h1")
        assert [(one["port"], one["wants"], one["by"]) for one in tried] == [
            (port, wants, {"hostaddr": "127.0.0.1"}) for port in (6432, 6433)
        ]
        assert all(
            (one["primaries"], one["standbys"]) == ((["127.0.0.1"], [])[:: 1 if wants == "write" else -1])
            for one in tried
        )
    assert own_pools(fake_cluster(roles=BALANCED, pgbouncer_on="haproxy"), cluster.node("h1"), "h1") == []
