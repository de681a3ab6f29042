"""What pools cannot be as declared, refused before any host is touched, with the arithmetic in the words."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.findings import Finding
from cluster.inventory.clusters import DeclaredHost, declared_clusters

ALL = ("postgres", "etcd", "haproxy")
RAISE = "raise max_connections in postgres_parameters (deploys/restart_pending.py makes it work)"
TAKES = "a member takes 190: max_connections 200 without 5 reserved and 5 for the cluster itself"


def found(roles: tuple[str, ...] = ALL, **settings: Any) -> list[Finding]:
    given = {"pgbouncer_on": "haproxy", **settings}
    hosts = [DeclaredHost(f"pg{n}", roles, {"cluster_address": f"10.0.0.{n}", **given}, {}) for n in (1, 2, 3)]
    return declared_clusters(hosts, {})[1]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"pgbouncer_on": "members"},
        {"pgbouncer_on": "members", "roles": ("postgres", "etcd")},
        {"pgbouncer_on": "none", "haproxy_primary_port": 6432, "pgbouncer_pool_size": 4000},
        {"pgbouncer_pool_size": 27},
        {"pgbouncer_processes": 8, "pgbouncer_databases": 1, "haproxy_replicas_fallback": "none"},
        {"haproxy_member_share": "divided", "pgbouncer_session_size": 10},
    ],
)
def test_what_works_is_not_refused(settings: dict[str, Any]) -> None:
    assert found(**settings) == []


def test_more_connections_than_a_member_has() -> None:
    assert found(pgbouncer_pool_size=30, pgbouncer_session_size=2, pgbouncer_processes=2, pgbouncer_databases=2) == [
        Finding(
            "group_data/all.py",
            "pgbouncer_pool_size",
            "3 hosts (pg1, pg2, pg3) x 2 processes x (2 databases x 62 connections of write + read + session + 12 "
            f"for lookups and the database postgres) = 816, and {TAKES}",
            f"Lower it to 3, {RAISE}, or take it out: then it is derived, and a quarter is left for clients that come "
            "past PgBouncer.",
        )
    ]
    assert found(pgbouncer_pool_size=3, pgbouncer_session_size=2, pgbouncer_processes=2, pgbouncer_databases=2) == []


def test_more_than_one_haproxy_opens() -> None:
    (one,) = found(pgbouncer_pool_size=12, haproxy_member_share="divided")
    assert one.problem == (
        "1 process x (1 database x 24 connections of write + read + 8 for lookups and the database postgres) = 32 "
        "through one HAProxy, which opens 31 to a member (haproxy_member_share)"
    )
    assert one.hint.startswith("Lower it to 11, ")


def test_no_room_at_all() -> None:
    (one,) = found(pgbouncer_processes=8, pgbouncer_databases=6, pgbouncer_session_size=1)
    assert (one.what, one.problem) == (
        "pgbouncer_on",
        "no connection is left for the pools write, read, session of 3 hosts with 8 processes and 6 databases, 1 of "
        "them for each in session: a member takes 190, max_connections 200 without 5 reserved and 5 for the cluster "
        "itself",
    )
    assert one.hint == f"Lower pgbouncer_processes, pgbouncer_databases or pgbouncer_session_size, or {RAISE}."


def test_a_group_without_hosts_and_a_postgresql_that_cannot_be_reached() -> None:
    (one,) = found(("postgres", "etcd"))
    assert (one.what, one.problem) == ("pgbouncer_on", "is haproxy, and no host is in the group haproxy")
    listen = {"pgbouncer_on": "members", "postgres_listen": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}
    assert [one.problem for one in found(**listen)] == [
        f"lacks 127.0.0.1, where PgBouncer on pg{n} would look for PostgreSQL" for n in (1, 2, 3)
    ]


def test_lines_of_pg_hba_that_it_cannot_keep() -> None:
    (one,) = found(postgres_hba=["host all +staff 10.0.0.0/8 reject", "hostssl all +team 10.0.0.0/8 scram-sha-256"])
    assert one.what == "postgres_hba" and "'host all +staff 10.0.0.0/8 reject' keeps clients out" in one.problem


@pytest.mark.parametrize("name", ["pgbouncer", "pgbouncer_lookup"])
def test_databases_that_no_client_would_reach(name: str) -> None:
    (one,) = found(postgres_databases=[{"name": name}])
    assert f"{name} is a name of PgBouncer's own" in one.problem


@pytest.mark.parametrize("role", ["pgbouncer_auth", "pgbouncer_lookup"])
def test_its_roles_are_nobody_s(role: str) -> None:
    (one,) = {finding.problem for finding in found(postgres_admin_user=role)}
    assert "is a role that the cluster itself uses" in one


def test_ports_of_others_are_looked_at_only_where_there_are_pools() -> None:
    (one,) = found(haproxy_primary_port=6432)
    assert one.problem == "6432 is also the value of pgbouncer_write_port"
