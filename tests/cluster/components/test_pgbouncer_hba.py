"""Whom PgBouncer lets in: nobody whom PostgreSQL would not, though it reads less of pg_hba."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.pgbouncer.hba import client_lines, unheld_lines
from cluster.declared.model import Cluster
from cluster.inventory.clusters import DeclaredHost, declared_clusters

ALL = ("postgres", "etcd", "haproxy")
OWN = 9  # lines before those of clients: what is PgBouncer's own, loopback, and the proof from three members


def lines(*hba: str) -> list[str]:
    return client_lines(a_cluster(*hba))[OWN:]


def a_cluster(*hba: str) -> Cluster:
    """Also one with lines that have no effect, which are found elsewhere."""
    data = {"pgbouncer_on": "haproxy", "postgres_hba": list(hba)}
    hosts = [DeclaredHost(f"h{n}", ALL, {"cluster_address": f"10.0.0.{n}", **data}, {}) for n in (1, 2, 3)]
    return declared_clusters(hosts, {})[0]["main"]


def test_the_cluster_s_own_roles_come_first_and_are_rejected() -> None:
    own = client_lines(a_cluster())
    assert own == [
        "hostssl pgbouncer_lookup all 0.0.0.0/0 reject",
        "hostssl pgbouncer_lookup all ::/0 reject",
        "hostssl all postgres,replicator,rewind,pgbouncer_auth 0.0.0.0/0 reject",
        "hostssl all postgres,replicator,rewind,pgbouncer_auth ::/0 reject",
        "hostssl all all 127.0.0.1/32 scram-sha-256",
        "hostssl all all ::1/128 scram-sha-256",
        'hostssl postgres "admin" 10.0.0.1/32 scram-sha-256',
        'hostssl postgres "admin" 10.0.0.2/32 scram-sha-256',
        'hostssl postgres "admin" 10.0.0.3/32 scram-sha-256',
    ]


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("hostssl all all 10.1.0.0/16 scram-sha-256", ["hostssl all all 10.1.0.0/16 scram-sha-256"]),
        ("hostssl all all 10.1.0.0 255.255.0.0 scram-sha-256", ["hostssl all all 10.1.0.0/16 scram-sha-256"]),
        ("hostssl app,web joe fd00::/8 scram-sha-256", ['hostssl "app","web" "joe" fd00::/8 scram-sha-256']),
        ('hostssl "all" "a ""b" 10.0.0.0/8 scram-sha-256', ['hostssl "all" "a ""b" 10.0.0.0/8 scram-sha-256']),
        ("hostssl sameuser all 10.0.0.0/8 scram-sha-256", ["hostssl sameuser all 10.0.0.0/8 scram-sha-256"]),
        (
            "hostssl all all all scram-sha-256",
            ["hostssl all all 0.0.0.0/0 scram-sha-256", "hostssl all all ::/0 scram-sha-256"],
        ),
        ("host app all 10.0.0.0/8 reject", ['hostssl "app" all 10.0.0.0/8 reject']),
        # What asks for more than a password does not come in by a line behind it.
        ("hostssl app joe 10.0.0.0/8 cert", ['hostssl "app" "joe" 10.0.0.0/8 reject']),
        (
            "hostssl app joe 10.0.0.0/8 scram-sha-256 clientcert=verify-full",
            ['hostssl "app" "joe" 10.0.0.0/8 reject'],
        ),
        # Of other connections than those that PgBouncer takes.
        ("local all joe scram-sha-256", []),
        ("hostnossl all all 10.0.0.0/8 reject", []),
        ("hostgssenc all all 10.0.0.0/8 reject", []),
        ("hostssl replication joe 10.0.0.0/8 scram-sha-256", []),
        ("hostssl replication,app joe 10.0.0.0/8 scram-sha-256", ['hostssl "app" "joe" 10.0.0.0/8 scram-sha-256']),
        # Who is let in by a line that it cannot read is not let in.
        *(
            (f"hostssl {rest} scram-sha-256", [f"# left out: hostssl {rest} scram-sha-256"])
            for rest in (
                "all +staff 10.0.0.0/8",
                "samerole all 10.0.0.0/8",
                "/^app all 10.0.0.0/8",
                "all all web.example.net",
                "all all samenet",
            )
        ),
    ],
)
def test_a_line_of_postgresql_s(line: str, becomes: list[str]) -> None:
    assert lines(line) == becomes
    assert unheld_lines(a_cluster(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "host all +staff 10.0.0.0/8 reject",
        "hostssl all all web.example.net reject",
        "hostssl app /^tmp_ 10.0.0.0/8 reject",
        "hostssl all +staff 10.0.0.0/8 cert",
        "hostssl all +staff 10.0.0.0/8 scram-sha-256 clientcert=verify-ca",
    ],
)
def test_what_keeps_clients_out_and_cannot_be_read_is_told(line: str) -> None:
    assert unheld_lines(a_cluster(line)) == [line]


def test_what_it_cannot_meet_keeps_nobody_out() -> None:
    assert unheld_lines(a_cluster("hostgssenc all +staff 10.0.0.0/8 reject", "local all +staff reject")) == []


NAMES, NETWORKS = ("all", "app", "joe"), ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32")
WORDS = st.tuples(
    st.sampled_from(["host", "hostssl"]),
    st.sampled_from(["all", "app"]),
    st.sampled_from(["all", "joe", "+staff"]),
    st.sampled_from([*NETWORKS, "web.example.net"]),
    st.sampled_from(["scram-sha-256", "reject", "scram-sha-256 clientcert=verify-full", "cert"]),
)


def decides(listed: list[str], database: str, role: str, address: str, *, groups: bool) -> str:
    """What the first line that fits says. + groups: whether who is asked belongs to every group and bears every name"""
    for line in listed:
        if line.startswith("#"):
            continue
        _, databases, roles, where, method = line.replace('"', "").split(maxsplit=4)
        fits = databases in ("all", database) and (roles in ("all", role) or (groups and roles.startswith("+")))
        network = groups if where == "web.example.net" else ipaddress.ip_address(address) in ipaddress.ip_network(where)
        if fits and network:
            return method
    return "reject"


@given(st.lists(WORDS, max_size=5), st.sampled_from(["app", "other"]), st.sampled_from(["joe", "ann"]), st.booleans())
def test_nobody_gets_in_whom_postgresql_rejects(
    given_words: list[tuple[str, ...]], database: str, role: str, groups: bool
) -> None:
    hba = [" ".join(one) for one in given_words if one[0] == "hostssl" or one[4] == "reject"]
    cluster = a_cluster(*hba)
    if unheld_lines(cluster):
        return
    listed = client_lines(cluster)[OWN:]
    for address in ("10.1.2.3", "10.9.9.9", "192.0.2.1"):
        if decides(listed, database, role, address, groups=False) == "scram-sha-256":
            assert decides(hba, database, role, address, groups=groups) == "scram-sha-256"
