"""Which endpoints the end of a run tries, and which answers are no proof."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.endpoints.proof import (
    broken_endpoints,
    endpoints,
    held_endpoints,
    own_endpoint,
    question,
    unheld_addresses,
)
from tests.world.hosts import fake_cluster

BALANCED = ("postgres", "etcd", "haproxy")
TRIED: dict[str, Any] = {
    "address": "10.0.0.1",
    "port": 5000,
    "wants": "write",
    "connected": True,
    "in_recovery": False,
    "wrote": True,
    "refused": False,
    "version": "17.6",
    "error": "",
}
READER = TRIED | {"port": 5001, "wants": "read", "in_recovery": True, "wrote": False, "refused": True}


def ports(cluster: Cluster) -> list[tuple[str, int, str]]:
    return [(one["address"], one["port"], one["wants"]) for one in endpoints(cluster)]


def test_every_haproxy_is_tried_for_writers_and_for_readers() -> None:
    assert ports(fake_cluster(roles=BALANCED)) == [
        (f"10.0.0.{n}", port, wants) for n in (1, 2, 3) for port, wants in ((5000, "write"), (5001, "read"))
    ]


def test_a_single_member_has_nobody_who_refuses_a_write() -> None:
    assert ports(fake_cluster(1, roles=BALANCED)) == [("10.0.0.1", 5000, "write")]


def test_a_standby_cluster_takes_no_writes() -> None:
    one = fake_cluster(1, roles=BALANCED)
    assert ports(replace(one, source=fake_cluster())) == [("10.0.0.1", 5001, "read")]


@pytest.mark.parametrize(
    ("listen", "by"),
    [
        ([], {"hostaddr": "127.0.0.1"}),
        (["*"], {"hostaddr": "127.0.0.1"}),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], {"host": "/var/run/postgresql"}),
    ],
)
def test_without_haproxy_each_member_is_tried_as_what_it_is(listen: list[str], by: dict[str, str]) -> None:
    cluster = fake_cluster(postgres_listen=listen)
    known = {"address": "10.0.0.1", "port": 5432, "by": by}
    first = cluster.members[0]
    assert own_endpoint(cluster, first, "h1") == {**known, "wants": "write"}
    assert own_endpoint(cluster, first, "h2") == {**known, "wants": "read"}
    assert own_endpoint(replace(cluster, source=fake_cluster()), first, "h1") == {**known, "wants": "read"}


ADDRESSES = {"vip_write": ["10.0.0.100", "fd00::100"], "vip_read": ["10.0.0.101"]}


def test_virtual_addresses_are_tried_at_haproxy_s_ports() -> None:
    cluster = fake_cluster(roles=BALANCED, vip_mode="haproxy", vip_interface="eth0", **ADDRESSES)
    listed = [one for one in endpoints(cluster) if "if" in one]
    assert listed == [
        {"address": "10.0.0.100", "port": 5000, "wants": "write", "if": "routed"},
        {"address": "fd00::100", "port": 5000, "wants": "write", "if": "routed"},
        {"address": "10.0.0.101", "port": 5001, "wants": "read", "if": "routed"},
    ]
    assert held_endpoints(cluster, cluster.node("h1")) == []
    assert [one["wants"] for one in endpoints(replace(cluster, source=fake_cluster())) if "if" in one] == ["read"]


@pytest.mark.parametrize("mode", ["leader", "bgp"])
def test_those_of_members_are_tried_on_the_member_that_has_them(mode: str) -> None:
    cluster = fake_cluster(vip_mode=mode, **ADDRESSES)
    held = {"port": 5432, "if": "held", "by": {"hostaddr": "127.0.0.1"}}
    assert held_endpoints(cluster, cluster.node("h2")) == [
        {"address": "10.0.0.100", "wants": "write", **held},
        {"address": "fd00::100", "wants": "write", **held},
        {"address": "10.0.0.101", "wants": "read", **held},
    ]
    alone = fake_cluster(1, vip_mode=mode, **ADDRESSES)
    assert [one["wants"] for one in held_endpoints(alone, alone.node("h1"))] == ["write", "write"]


def test_an_address_that_no_member_has_is_no_proof() -> None:
    held = {**TRIED, "address": "10.0.0.100", "if": "held"}
    absent = {**held, "connected": False, "left_out": True}
    other = {**absent, "address": "10.0.0.101"}
    assert unheld_addresses([held, absent, other, other]) == ["10.0.0.101 is on no member"]
    assert broken_endpoints([held, absent, other]) == []
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
    ],
)
def test_what_does_not_lead_where_it_should_is_no_proof(tried: Any, fault: str | None) -> None:
    assert broken_endpoints([tried]) == ([] if fault is None else [fault])
