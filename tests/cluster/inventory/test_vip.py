"""Virtual IP addresses that cannot work: refused in words, before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.declared.vip import listened, renewal_seconds, router_id, vip_hosts, virtual_addresses
from cluster.inventory.clusters import cluster_findings, declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.settings.settings import validated
from cluster.settings.vip import LEASE_SECONDS

GROUPS = ("postgres", "etcd", "haproxy")


def cluster(groups: tuple[str, ...] = GROUPS, addresses: tuple[str, ...] = (), **settings: Any) -> Cluster:
    given = addresses or tuple(f"10.0.0.{number}" for number in (1, 2, 3))
    hosts = [
        DeclaredHost(f"pg{number}", groups, {"cluster_address": address, **settings}, {})
        for number, address in enumerate(given, 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def refused(*arguments: Any, **settings: Any) -> list[tuple[str, str]]:
    return [(one.what, one.problem) for one in cluster_findings(cluster(*arguments, **settings)) if "vip" in str(one)]


def test_what_is_right() -> None:
    for mode in ("haproxy", "leader", "bgp"):
        assert refused(vip_mode=mode, vip_write=["10.0.0.100"], vip_read=["10.0.0.101"], vip_interface="eth0") == []


@pytest.mark.parametrize(
    ("settings", "setting", "words"),
    [
        ({"vip_write": ["10.0.0.100"]}, "vip_write", "is declared, and vip_mode is none: no host would have it"),
        ({"vip_mode": "leader"}, "vip_write", "is empty, and vip_mode is leader: there is no address for the primary"),
        (
            {"vip_mode": "leader", "vip_write": ["10.0.0.100"], "vip_read": ["10.0.0.100"]},
            "vip_read",
            "10.0.0.100 is declared twice",
        ),
        ({"vip_mode": "bgp", "vip_write": ["10.0.0.2"]}, "vip_write", "10.0.0.2 is the cluster_address of pg2"),
        (
            {"vip_mode": "haproxy", "vip_write": ["fd00::100"], "vip_interface": "eth0"},
            "vip_write",
            "has IPv6 addresses alone, and the hosts of HAProxy reach each other by IPv4",
        ),
        (
            {"vip_mode": "leader", "vip_write": ["10.0.0.100"], "patroni_ttl": 20, "patroni_loop_wait": 14}
            | {"patroni_retry_timeout": 3},
            "patroni_ttl",
            "20 is too short for vip_mode leader: an address that is renewed every patroni_loop_wait = 14 s has to end "
            "before the leader's key does",
        ),
    ],
)
def test_what_cannot_work(settings: dict[str, Any], setting: str, words: str) -> None:
    assert refused(**settings) == [(setting, words)]


def test_keepalived_needs_an_interface_on_each_of_its_hosts() -> None:
    found = refused(vip_mode="haproxy", vip_write=["10.0.0.100"])
    assert found == [("vip_interface", f"of pg{n} is missing, which keepalived needs") for n in (1, 2, 3)]


def test_the_mode_needs_hosts() -> None:
    assert refused(("postgres", "etcd"), vip_mode="haproxy", vip_write=["10.0.0.100"]) == [
        ("vip_mode", "is haproxy, and no host is in the group haproxy")
    ]


def test_hosts_of_both_families_speak_no_vrrp() -> None:
    found = refused(
        GROUPS, ("10.0.0.1", "10.0.0.2", "fd00::3"), vip_mode="haproxy", vip_write=["10.0.0.100"], vip_interface="eth0"
    )
    assert ("vip_mode", "haproxy: HAProxy's hosts have addresses for clients of both families") in found


@pytest.mark.parametrize(
    "text", ["10.0.0.100/24", "vip.example.net", "", "127.0.0.1", "224.0.0.1", "fe80::1", "0.0.0.0"]
)
def test_what_is_no_address_for_clients(text: str) -> None:
    found = validated({"vip_write": [text]}, {})[1]
    assert [one.what for one in found] == ["vip_write"]


def test_who_may_have_them_and_who_listens() -> None:
    declared: dict[str, Any] = {"vip_write": ["10.0.0.100"], "vip_read": ["fd00::7"]}
    off = cluster()
    assert (virtual_addresses(off), vip_hosts(off)) == ((), ())
    leader = cluster(vip_mode="leader", **declared)
    assert vip_hosts(leader) == leader.members
    assert listened(leader, leader.members[0]) == ("10.0.0.1", "127.0.0.1", "10.0.0.100", "fd00::7")
    anywhere = cluster(vip_mode="leader", postgres_listen=["*"], **declared)
    assert listened(anywhere, anywhere.members[0]) == ("*",)
    balanced = cluster(vip_mode="haproxy", vip_interface="eth0", **declared)
    assert vip_hosts(balanced) == balanced.balancers
    assert listened(balanced, balanced.members[0]) == ("10.0.0.1", "127.0.0.1"), "HAProxy listens"


def test_a_lease_ends_before_the_key_of_the_leader() -> None:
    declared = cluster(vip_mode="leader", vip_write=["10.0.0.100"])
    assert renewal_seconds(declared) + LEASE_SECONDS < declared.settings.patroni_ttl


def test_the_numbers_of_vrrp_are_the_same_on_all_hosts() -> None:
    declared = cluster(vip_mode="haproxy", vip_write=["10.0.0.100"], vip_interface="eth0")
    assert 1 <= router_id(declared, "write") <= 254
    assert router_id(declared, "read") == router_id(declared, "write") + 1
    assert router_id(cluster(vip_router_id=51), "read") == 52
