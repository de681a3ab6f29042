"""Virtual addresses that hosts cannot have: each refusal in its words, and none for those that they can."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.preflight.hosts import picture_question
from tests.cluster.preflight_hosts import a_cluster, findings, picture

GIVEN = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100", "fd00::100"], "vip_interface": "eth0"}
LEADER = {"vip_mode": "leader", "vip_write": ["10.0.0.100"], "vip_interface": None}


def addressed(**settings: Any) -> Cluster:
    return a_cluster(**{**GIVEN, **settings})


def host(
    n: int, *networks: str, heard: dict[str, str] | None = None, foreign: bool = False, nonlocal4: str = "settable"
) -> dict[str, Any]:
    """A picture of a host. + networks: of eth0; + heard: who answers at virtual addresses"""
    own = networks or (f"10.0.0.{n}/24", f"fd00::{n}/64", "fe80::1/64")
    interfaces = {
        "eth0": {"mac": f"02:00:00:00:00:0{n}", "networks": list(own)},
        "docker0": {"mac": "02:42:00:00:00:01", "networks": ["172.17.0.1/16"]},
    }
    virtual = {
        "interfaces": interfaces,
        "neighbours": heard or {},
        "foreign_keepalived": foreign,
        "foreign_frr": foreign,
    }
    virtual["nonlocal"] = {"ipv4": nonlocal4, "ipv6": "1"}
    return picture(n, virtual=virtual)


def judged(cluster: Cluster, *pictures: dict[str, Any] | None, limit: Any = None) -> list[Finding]:
    seen = {f"pg{n}": picture for n, picture in enumerate(pictures, 1)}
    return [one for one in findings(cluster, limit=limit, **seen) if one.what.startswith("vip")]


def test_addresses_of_the_hosts_own_networks_are_fit() -> None:
    assert judged(addressed(), host(1), host(2), host(3)) == []
    assert judged(a_cluster(**LEADER), host(1), host(2), host(3)) == []


def test_a_host_that_has_an_address_already_and_others_that_hear_it_are_fit() -> None:
    own = host(1, "10.0.0.1/24", "fd00::1/64", "10.0.0.100/32", "fd00::100/128")
    heard = host(2, heard={"10.0.0.100": "02:00:00:00:00:01", "fd00::100": "02:00:00:00:00:01"})
    assert judged(addressed(), own, heard, host(3)) == []


def test_an_interface_that_is_not_there_is_refused_with_the_one_that_has_the_host_s_address() -> None:
    assert judged(addressed(vip_interface="eth7"), host(1), host(2), host(3), limit=["pg2"]) == [
        Finding(
            "pg2",
            "vip_interface",
            "eth7 is no interface of the host: 10.0.0.2 is on eth0",
            "Declare vip_interface = 'eth0' for it.",
        )
    ]


@pytest.mark.parametrize("settings", [GIVEN, {**LEADER, "vip_write": ["10.0.0.100", "fd00::100"]}])
def test_an_address_outside_of_the_interface_s_networks_is_refused(settings: dict[str, Any]) -> None:
    only_four = host(3, "10.0.0.3/24", "fe80::1/64")
    assert judged(a_cluster(**settings), host(1), host(2), only_four) == [
        Finding(
            "pg3",
            "vip_write",
            "fd00::100 is in no network of eth0, which has 10.0.0.0/24",
            "Name an address of one of these, or another vip_interface: neighbours find it on its own network alone.",
        )
    ]


def test_that_a_host_has_an_address_already_does_not_make_it_one_of_its_network() -> None:
    odd = host(3, "10.0.0.3/24", "fd00::100/128")
    assert [one.problem for one in judged(addressed(), host(1), host(2), odd)] == [
        "fd00::100 is in no network of eth0, which has 10.0.0.0/24"
    ]


STRANGER = {"10.0.0.100": "02:AA:BB:CC:DD:EE"}


def test_an_address_at_which_somebody_else_answers_is_refused_once() -> None:
    assert judged(addressed(), host(1), host(2, heard=STRANGER), host(3, heard=STRANGER)) == [
        Finding(
            "pg2",
            "vip_write",
            "10.0.0.100 is in use: pg2 hears 02:AA:BB:CC:DD:EE answer there, which is no host of main",
            "Name a free address, or take it from that machine. If it gave it up just now: "
            "`ip neigh flush to 10.0.0.100` on pg2.",
        )
    ]


def test_who_answers_may_be_the_host_that_is_silent() -> None:
    assert judged(addressed(), None, host(2, heard=STRANGER), host(3)) == []


def test_a_keepalived_of_somebody_else_is_not_taken_over() -> None:
    assert judged(addressed(), host(1), host(2), host(3, foreign=True)) == [
        Finding(
            "pg3",
            "vip_mode",
            "haproxy: the host has a keepalived that is none of ours, /etc/keepalived/keepalived.conf",
            "Move what it keeps to another host, then remove its file: `rm /etc/keepalived/keepalived.conf`; "
            "or set vip_mode to none.",
        )
    ]
    assert judged(a_cluster(**LEADER), host(1), host(2), host(3, foreign=True)) == []


def test_what_routers_lead_to_is_on_no_network() -> None:
    routed = {"bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}}
    cluster = a_cluster(vip_mode="bgp", vip_write=["10.9.9.9"], **routed)
    assert judged(cluster, host(1), host(2), host(3)) == []


def test_every_host_is_asked_and_none_without_addresses() -> None:
    for node in addressed():
        assert picture_question(addressed(), node)["vips"] == ["10.0.0.100", "fd00::100"]
    assert all("vips" not in picture_question(a_cluster(), node) for node in a_cluster())


def test_a_host_on_which_postgresql_could_not_listen_is_refused() -> None:
    pictures = host(1), host(2, nonlocal4="0"), host(3, nonlocal4="1")
    assert judged(a_cluster(**LEADER), *pictures) == [
        Finding(
            "pg2",
            "vip_mode",
            "net.ipv4.ip_nonlocal_bind is 0 and the host may not set it, so PostgreSQL could not listen on virtual "
            "addresses",
            "Set net.ipv4.ip_nonlocal_bind=1 where this container is made, or declare postgres_listen = ['*'].",
        )
    ]
    assert judged(a_cluster(**LEADER, postgres_listen=["*"]), *pictures) == []
    assert judged(addressed(), *pictures) == [], "HAProxy listens, which can do without"


def test_an_frr_that_somebody_else_runs_is_refused() -> None:
    routed = {"bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}, "vip_mode": "bgp", "vip_interface": None}
    found = judged(addressed(**routed, vip_write=["10.99.0.1"]), host(1), host(2, foreign=True), host(3))
    assert [(one.where, one.what, one.problem) for one in found] == [
        ("pg2", "vip_mode", "bgp: the host has an FRR that is none of ours, /etc/frr/frr.conf")
    ]


def test_addresses_belong_on_the_network_of_the_clients() -> None:
    interfaces = {
        "eth0": {"mac": "02:00:00:00:00:01", "networks": ["10.0.0.1/24"]},
        "eth1": {"mac": "02:00:00:00:01:01", "networks": ["10.1.0.1/24"]},
    }
    there = host(1)
    seen = {**there, "virtual": {**there["virtual"], "interfaces": interfaces}}
    seen["addresses"] = {"10.0.0.1": "eth0", "10.1.0.1": "eth1"}
    apart = {"vip_mode": "leader", "client_address": "10.1.0.1"}
    assert judged(a_cluster("pg1", **apart, vip_write=["10.1.0.100"]), seen) == []
    (found,) = judged(a_cluster("pg1", **apart, vip_write=["10.0.0.100"]), seen)
    assert found.problem == "10.0.0.100 is in no network of eth1, which has 10.1.0.0/24"
