"""pg_hba: the first line that fits decides, so these tests ask as PostgreSQL does, from the top."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from cluster.components.pg_hba import hba_lines, let_in_by_password
from cluster.declared.model import ROLES, Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.settings.postgres import hba_problem

MEMBERS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
BALANCER = "10.0.0.9"
STRANGER = "203.0.113.7"
MACHINES = ("postgres", "replicator", "rewind")
PROVEN = "scram-sha-256 clientcert=verify-full"


def cluster(*own_lines: str, addresses: tuple[str, ...] = MEMBERS, balancer: str = BALANCER) -> Cluster:
    settings: dict[str, Any] = {"postgres_hba": list(own_lines)}
    hosts = [(f"pg{n}", ("postgres", "etcd"), address) for n, address in enumerate(addresses, 1)]
    hosts.append(("lb1", ("haproxy",), balancer))
    declared = [DeclaredHost(name, roles, {"cluster_address": at, **settings}, {}) for name, roles, at in hosts]
    clusters, findings = declared_clusters(declared, {})
    assert findings == []
    return clusters["main"]


def answer(lines: list[str], user: str, database: str, address: str) -> str:
    """What PostgreSQL says to a TLS connection. + database: ``replication`` for a physical one"""
    for kind, databases, users, where, method in (line.split(maxsplit=4) for line in lines if line[:5] != "local"):
        assert kind == "hostssl"
        fits = database in databases.split(",") or (databases == "all" and database != "replication")
        if fits and (users == "all" or user in users.split(",")):
            network = None if where == "all" else ipaddress.ip_network(where)
            if network is None or ipaddress.ip_address(address) in network:
                return method
    return "reject"


@pytest.mark.parametrize("member", MEMBERS)
def test_members_replicate_and_rewind(member: str) -> None:
    lines = hba_lines(cluster())
    assert answer(lines, "replicator", "replication", member) == PROVEN
    assert answer(lines, "rewind", "postgres", member) == PROVEN


@pytest.mark.parametrize("member", MEMBERS)
def test_haproxy_on_a_member_lets_nobody_in_as_the_cluster_s_own_roles(member: str) -> None:
    """It gives everybody who comes through it a member's address."""
    declared = [DeclaredHost(f"pg{n}", ROLES[:3], {"cluster_address": at}, {}) for n, at in enumerate(MEMBERS, 1)]
    lines = hba_lines(declared_clusters(declared, {})[0]["main"])
    said = {answer(lines, user, database, member) for user in MACHINES for database in ("replication", "postgres")}
    assert said == {PROVEN, "reject"}
    assert answer(lines, "app", "app", member) == "scram-sha-256"


def test_who_has_no_certificate_yet_is_let_in_until_it_has() -> None:
    whole = cluster()
    old = hba_lines(whole, whole.members)
    assert answer(old, "replicator", "replication", MEMBERS[0]) == "scram-sha-256"
    assert let_in_by_password(whole, old) == list(whole.members)
    assert let_in_by_password(whole, hba_lines(whole)) == []
    assert let_in_by_password(whole, hba_lines(whole, whole.members[1:2])) == [whole.members[1]]


@pytest.mark.parametrize("user", MACHINES)
@pytest.mark.parametrize("address", [STRANGER, BALANCER, "127.0.0.1"])
@pytest.mark.parametrize("database", ["postgres", "app", "replication"])
def test_machine_roles_come_from_nowhere_else(user: str, address: str, database: str) -> None:
    everybody = cluster("hostssl all all 0.0.0.0/0 scram-sha-256")
    assert answer(hba_lines(everybody), user, database, address) == "reject"


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_uses_a_machine_role_for_its_one_purpose(member: str) -> None:
    lines = hba_lines(cluster("hostssl all all 0.0.0.0/0 scram-sha-256"))
    assert answer(lines, "replicator", "app", member) == "reject"
    assert answer(lines, "rewind", "app", member) == "reject"
    assert answer(lines, "postgres", "postgres", member) == "reject"


def test_nobody_else_replicates() -> None:
    everybody = hba_lines(cluster("hostssl all all 0.0.0.0/0 scram-sha-256"))
    assert answer(everybody, "app", "replication", STRANGER) == "reject"


def test_clients_come_through_haproxy_or_where_the_user_lets_them() -> None:
    lines = hba_lines(cluster("hostssl app app 203.0.113.0/24 scram-sha-256"))
    assert answer(lines, "app", "app", BALANCER) == "scram-sha-256"
    assert answer(lines, "app", "app", STRANGER) == "scram-sha-256"
    assert answer(lines, "app", "other", STRANGER) == "reject"
    assert answer(lines, "app", "app", "203.0.114.1") == "reject"


def test_the_users_lines_come_last_and_in_their_order() -> None:
    own = ("hostssl app app 203.0.113.7/32 reject", "hostssl app app 203.0.113.0/24 scram-sha-256")
    assert hba_lines(cluster(*own))[-2:] == list(own)
    assert answer(hba_lines(cluster(*own)), "app", "app", STRANGER) == "reject"


@pytest.mark.parametrize("balancer", [BALANCER, "fd82::9"])
def test_no_line_lets_anybody_in_without_tls_or_a_password(balancer: str) -> None:
    for line in hba_lines(cluster(balancer=balancer)):
        assert line.split()[0] in ("local", "hostssl")
        method, *options = line.removeprefix("local").removeprefix("hostssl").split()[2 if line[0] == "l" else 3 :]
        assert method in ("scram-sha-256", "peer", "reject") and options in ([], ["clientcert=verify-full"])
        assert hba_problem(line) is None


def test_the_local_lines() -> None:
    assert [line for line in hba_lines(cluster()) if line.startswith("local")] == [
        "local all postgres peer",
        "local replication replicator scram-sha-256",
        "local all all scram-sha-256",
    ]


def test_addresses_of_both_families_are_whole() -> None:
    lines = hba_lines(cluster(addresses=("fd82::1", "fd82::2", "fd82::3"), balancer="fd82::9"))
    assert f"hostssl replication replicator fd82::1/128 {PROVEN}" in lines
    assert "hostssl all all fd82::9/128 scram-sha-256" in lines
    assert answer(lines, "replicator", "replication", "fd82::2") == PROVEN


@pytest.mark.parametrize(
    "line, reason",
    [
        ("", "is no pg_hba line"),
        ("everybody may come", "is no pg_hba line"),
        ("host all all 0.0.0.0/0 scram-sha-256", "allows connections without TLS (host): use hostssl"),
        ("hostnossl all all 0.0.0.0/0 md5", "allows connections without TLS (hostnossl): use hostssl"),
        ("hostssl all all scram-sha-256", "is too short for pg_hba"),
        (
            "hostssl all all 0.0.0.0/0 trust",
            "has the method trust; allowed here: scram-sha-256, cert, ldap, gss, reject",
        ),
        # A host may be called cert, and the word after the method is an option.
        ("hostssl all all cert trust", "has the method trust; allowed here: scram-sha-256, cert, ldap, gss, reject"),
        (
            "hostssl all all 10.0.0.0 255.0.0.0 trust",
            "has the method trust; allowed here: scram-sha-256, cert, ldap, gss, reject",
        ),
        (
            "hostssl all all fd00::/8 trust",
            "has the method trust; allowed here: scram-sha-256, cert, ldap, gss, reject",
        ),
        ("hostssl all all all peer", "has the method peer; allowed here: scram-sha-256, cert, ldap, gss, reject"),
        ("local all all md5", "has the method md5; allowed here: peer, scram-sha-256, reject"),
        (
            "hostssl all all 0.0.0.0/0 md5",
            "has the method md5; allowed here: scram-sha-256, cert, ldap, gss, reject",
        ),
    ],
)
def test_what_a_user_may_not_declare(line: str, reason: str) -> None:
    assert hba_problem(line) == reason


@pytest.mark.parametrize(
    "line",
    [
        "hostssl all all 10.0.0.0/8 scram-sha-256",
        "hostssl app app 10.0.0.0 255.0.0.0 scram-sha-256",
        "hostssl all all all cert map=people",
        "host all all all reject",
        "local app app peer map=app",
    ],
)
def test_what_a_user_may_declare(line: str) -> None:
    assert hba_problem(line) is None
