"""Networks of their own for clients and backups: which addresses a host gets, what is refused, and where it stands."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.address import Address
from cluster.declared.model import Node
from cluster.findings import Finding
from cluster.inventory.addresses import hosts_to_look_at
from cluster.inventory.clusters import declared_clusters
from tests.cluster.preflight_hosts import host

APART = {"client_address": "10.1.0.1", "backup_address": "10.2.0.1"}


def found(*hosts: Any, observed: Any = None) -> list[Finding]:
    return declared_clusters(hosts, observed or {})[1]


def alone(*groups: str, observed: Any = None, **data: Any) -> Node:
    clusters, findings = declared_clusters(
        [host("pg1", *groups, **{"cluster_address": "10.0.0.1", **data})], {"pg1": observed} if observed else {}
    )
    assert findings == []
    return clusters["main"].node("pg1")


def three(**data: Any) -> list[Any]:
    return [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **data) for n in (1, 2, 3)]


def test_without_more_than_one_address_that_is_for_everything() -> None:
    node = alone()
    assert node.client_address == node.backup_address == node.address
    assert node.addresses == {Address("10.0.0.1"): "cluster_address"}
    assert node.addresses_in("client") == node.addresses_in("cluster") == (node.address,)


def test_each_network_has_the_address_that_is_declared_for_it() -> None:
    node = alone(**APART)
    assert (node.client_address, node.backup_address) == (Address("10.1.0.1"), Address("10.2.0.1"))
    assert list(node.addresses.values()) == ["cluster_address", "client_address", "backup_address"]
    assert node.addresses_in("backup") == (Address("10.2.0.1"), Address("10.0.0.1"))


@given(st.lists(st.sampled_from(["10.0.0.1", "10.1.0.1", "fd00::1"]), min_size=3, max_size=3))
def test_one_host_may_have_the_same_address_for_several_networks(texts: list[str]) -> None:
    names = ("cluster_address", "client_address", "backup_address")
    node = alone(**dict(zip(names, texts, strict=True)), postgres_hba=["hostssl all all all scram-sha-256"])
    assert set(node.addresses) == set(map(Address, texts))


@pytest.mark.parametrize("name", ["client", "backup"])
def test_a_network_picks_the_address_and_only_hosts_that_do_not_declare_it_are_asked(name: str) -> None:
    given = {f"{name}_network": "10.1.0.0/24", "cluster_address": "10.0.0.1"}
    declared = host("pg2", **given, **{f"{name}_address": "10.1.0.2"})
    assert hosts_to_look_at([host("pg1", **given), declared, host("e1", "etcd", **given)]) == ["pg1"]
    assert alone(observed=["10.0.0.1", "10.1.0.7"], **given).at(name) == Address("10.1.0.7")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["cluster", "client", "backup"])
def test_a_virtual_address_that_a_host_has_at_the_moment_is_not_its_own(name: str) -> None:
    given = {"cluster_address": None if name == "cluster" else "10.0.0.1", f"{name}_network": "10.1.0.0/24"}
    virtual = {"vip_mode": "leader", "vip_write": ["10.1.0.100"], "vip_read": ["10.1.0.101", "fd01::101"]}
    node = alone(observed=["10.0.0.1", "10.1.0.7", "10.1.0.100", "10.1.0.101"], **given, **virtual)
    assert node.at(name) == Address("10.1.0.7")  # type: ignore[arg-type]


def test_a_host_that_has_nothing_to_do_in_a_network_need_not_be_in_it() -> None:
    networks = {"client_network": "10.1.0.0/24", "backup_network": "10.2.0.0/24"}
    wanted = {"etcd": set(), "haproxy": {"client"}, "backup": {"backup"}, "postgres": {"client", "backup"}}
    there = {"client": "10.1.0.9", "backup": "10.2.0.9"}
    members = [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **APART_OF[n], **networks) for n in (1, 2, 3)]
    for (group, names), number in zip(wanted.items(), itertools.count(4), strict=False):
        own = [f"10.0.0.{number}", *(there[name] for name in names)]
        more = host("x", group, cluster_address=own[0], **networks)
        findings = found(*members, more, observed={"x": own})
        assert [one for one in findings if one.what.endswith(("_network", "_address"))] == []


APART_OF = {n: {"client_address": f"10.1.0.{n}", "backup_address": f"10.2.0.{n}"} for n in (1, 2, 3)}


@pytest.mark.parametrize("name", ["client", "backup"])
@pytest.mark.parametrize(
    ("observed", "where", "problem", "hint"),
    [
        (None, "pg1", "cannot be reached, so its address in 10.1.0.0/24 is not known", "Fix the connection, or "),
        (["10.0.0.1"], "all.py", "pg1 has no address in 10.1.0.0/24, it has 10.0.0.1", "Give this host its"),
        (["10.1.0.1", "10.1.0.2"], "all.py", "pg1 has 2 addresses in 10.1.0.0/24: 10.1.0.1, 10.1.0.2", "Give this"),
    ],
)
def test_a_network_that_fits_no_address_or_several(
    name: str, observed: Any, where: str, problem: str, hint: str
) -> None:
    declared = host("pg1", file="all.py", cluster_address="10.0.0.1", **{f"{name}_network": "10.1.0.0/24"})
    (finding,) = found(declared, observed={"pg1": observed} if observed else {})
    assert (finding.where, finding.what, finding.problem) == (where, f"{name}_network", problem)
    assert finding.hint.startswith(hint) and f"{name}_address" in finding.hint


@pytest.mark.parametrize("name", ["client", "backup"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10.0.0.300", "'10.0.0.300' does not appear to be an IPv4 or IPv6 address"),
        ("127.0.0.1", "'127.0.0.1' is no address that another host can reach"),
        ("224.0.0.1", "'224.0.0.1' is no address that another host can reach"),
        ("0.0.0.0", "'0.0.0.0' is no address that another host can reach"),
        ("fe80::1", "'fe80::1' is no address that another host can reach"),
    ],
)
def test_what_is_no_address_of_a_host(name: str, text: str, problem: str) -> None:
    (finding,) = found(host("pg1", cluster_address="10.0.0.1", **{f"{name}_address": text}))
    assert (finding.what, finding.problem) == (f"{name}_address", problem)


@pytest.mark.parametrize("name", ["cluster_address", "client_address", "backup_address"])
@pytest.mark.parametrize("other", ["client_address", "backup_address"])
def test_an_address_that_another_host_has_for_whatever(name: str, other: str) -> None:
    first = host("pg1", **{"cluster_address": "10.0.0.1", name: "10.7.0.7"})
    hosts = [first, host("pg2", cluster_address="10.0.0.2", **{other: "10.7.0.7"}), *three()[2:]]
    assert found(*hosts) == [
        Finding("inventory.py", other, "10.7.0.7 belongs to pg1 and pg2", "Every host needs an address of its own.")
    ]


def test_a_virtual_address_and_a_router_are_none_of_a_host_s_addresses() -> None:
    taken = found(host("pg1", cluster_address="10.0.0.1", vip_mode="leader", vip_write=["10.1.0.1"], **APART))
    assert [(one.what, one.problem) for one in taken] == [("vip_write", "10.1.0.1 is the client_address of pg1")]
    routed = {"vip_mode": "bgp", "vip_write": ["10.9.0.1"], "bgp_asn": 65001, "bgp_neighbors": {"10.2.0.1": 65100}}
    (finding,) = found(host("pg1", cluster_address="10.0.0.1", **routed, **APART))
    assert finding.problem == "of pg1 has 10.2.0.1, which is pg1"


def test_postgresql_has_to_listen_where_the_others_and_clients_without_haproxy_come() -> None:
    groups = ("postgres", "etcd")
    given = {"cluster_address": "10.0.0.1", **APART}
    assert [one.problem for one in found(host("pg1", *groups, **given, postgres_listen=["10.0.0.1"]))] == [
        "10.0.0.1 has no 10.1.0.1, by which clients reach pg1"
    ]
    assert [one.problem for one in found(host("pg1", **given, postgres_listen=["10.1.0.1"]))] == [
        "10.1.0.1 has no 10.0.0.1, by which the others reach pg1"
    ]
    for listen, roles in ((["10.0.0.1"], ()), (["10.0.0.1", "10.1.0.1"], groups), (["*"], groups)):
        assert found(host("pg1", *roles, **given, postgres_listen=listen)) == []


def test_haproxy_has_to_listen_where_clients_are_told_to_come() -> None:
    assert found(host("pg1", cluster_address="10.0.0.1", **APART, haproxy_listen=["10.0.0.1"])) == [
        Finding(
            "inventory.py",
            "haproxy_listen",
            "10.0.0.1 has no 10.1.0.1, which is the client_address of pg1",
            "Add it, or remove one of the two.",
        )
    ]
    for listen in (["10.0.0.1", "10.1.0.1"], ["*"], []):
        assert found(host("pg1", cluster_address="10.0.0.1", **APART, haproxy_listen=listen)) == []


def test_an_address_of_a_kind_that_no_client_has() -> None:
    given = {"cluster_address": "10.0.0.1", "client_address": "fd01::1", "firewall_mode": "nftables"}
    clients = {"firewall_client_networks": ["10.9.0.0/16"]}
    assert found(host("pg1", **given, **clients)) == [
        Finding(
            "inventory.py",
            "client_address",
            "fd01::1 of pg1 is IPv6, and no network of clients is",
            "Declare an address of their kind, or their networks, in firewall_client_networks and postgres_hba.",
        )
    ]
    assert found(host("pg1", **given, firewall_client_networks=["10.9.0.0/16", "fd09::/64"])) == []
    # Without a firewall nobody says who comes to HAProxy.
    assert found(host("pg1", cluster_address="10.0.0.1", client_address="fd01::1")) == []


def test_names_that_are_nearly_these_are_no_settings_and_others_that_begin_so_are_left_alone() -> None:
    (finding,) = found(host("pg1", cluster_address="10.0.0.1", client_adress="10.1.0.1"))
    assert finding.hint == "Did you mean client_address? All settings stand in docs/settings.md."
    assert found(host("pg1", cluster_address="10.0.0.1", backup_user="ops", client_count=7)) == []


def test_keepalived_speaks_in_the_family_of_the_addresses_for_clients() -> None:
    given = {"vip_mode": "haproxy", "vip_interface": "eth1", "vip_write": ["10.1.0.100"]}
    both = [host(f"pg{n}", cluster_address=f"fd00::{n}", client_address=f"10.1.0.{n}", **given) for n in (1, 2, 3)]
    assert found(*both) == []
    mixed = [*both[:2], host("pg3", cluster_address="fd00::3", client_address="fd01::3", **given)]
    assert [(one.problem, one.hint) for one in found(*mixed)] == [
        (
            "haproxy: HAProxy's hosts have addresses for clients of both families",
            "Give all of them a client_address of one family; without it clients use the cluster_address.",
        )
    ]
