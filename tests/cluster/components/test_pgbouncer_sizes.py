"""Sizes of pools: whatever is declared, all of them together never open more to a member than it has for clients."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluster.components.haproxy_connections import server_connections, usable_connections
from cluster.components.pgbouncer import sizes
from cluster.declared.model import Cluster
from cluster.declared.pgbouncer import pooling_hosts, pools, processes
from cluster.inventory.clusters import DeclaredHost, declared_clusters
from cluster.inventory.pgbouncer import pgbouncer_findings

ALL = ("postgres", "etcd", "haproxy")


def a_cluster(count: int = 3, **settings: Any) -> Cluster:
    """Also one with findings."""
    given = {"pgbouncer_on": "haproxy", **settings}
    hosts = [DeclaredHost(f"h{n}", ALL, {"cluster_address": f"10.0.0.{n}", **given}, {}) for n in range(1, count + 1)]
    return declared_clusters(hosts, {})[0]["main"]


def clusters(declared: st.SearchStrategy[int | None]) -> st.SearchStrategy[Cluster]:
    return st.builds(
        a_cluster,
        st.sampled_from([1, 3, 5]),
        pgbouncer_on=st.sampled_from(["haproxy", "members"]),
        pgbouncer_processes=st.integers(1, 8),
        pgbouncer_databases=st.none() | st.integers(1, 9),
        pgbouncer_session_size=st.integers(0, 20),
        pgbouncer_pool_size=declared,
        haproxy_member_share=st.sampled_from(["whole", "divided"]),
        haproxy_replicas_fallback=st.sampled_from(["primary", "none"]),
        patroni_synchronous_mode=st.sampled_from(["off", "quorum"]),
        postgres_parameters=st.fixed_dictionaries({"max_connections": st.integers(100, 900)}),
    )


def most_on_one_member(cluster: Cluster, readers_too: bool) -> tuple[int, int]:
    """
    What all pools may open to one member, and what those of one host may, each process counted by itself.

    + readers_too: the pools for readers lead to the same one
    """
    hosts = pooling_hosts(cluster) if cluster.settings.pgbouncer_on == "haproxy" else pooling_hosts(cluster)[:1]
    each = [
        sum(
            sizes.databases(cluster) * sizes.pool_size(cluster, process.pool) + sizes.BESIDE
            for process in processes(cluster, host)
            if readers_too or process.pool != "read"
        )
        for host in hosts
    ]
    return sum(each), max(each)


@given(clusters(st.none() | st.integers(1, 60)))
def test_what_is_accepted_never_opens_more_than_a_member_has(cluster: Cluster) -> None:
    assume(pgbouncer_findings(cluster, "here") == [])
    settings = cluster.settings
    together = settings.pgbouncer_on == "members" or settings.haproxy_replicas_fallback == "primary"
    for readers_too in {together, False}:
        total, of_host = most_on_one_member(cluster, readers_too)
        assert total <= usable_connections(cluster)
        if settings.pgbouncer_on == "haproxy":
            assert of_host <= server_connections(cluster)
    assert all(sizes.pool_size(cluster, pool) >= 1 for pool in pools(cluster))


@given(clusters(st.none()))
def test_what_is_derived_leaves_a_quarter_for_others_and_cannot_be_one_larger(cluster: Cluster) -> None:
    assume(pgbouncer_findings(cluster, "here") == [])
    size = sizes.derived_size(cluster)
    assert 1 <= size <= sizes.largest_size(cluster)
    totals = [sizes.opened(cluster, met) for met in sizes.meetings(cluster)]
    assert all(one.total <= usable_connections(cluster) * 3 // 4 for one in totals)
    larger = a_cluster(len(cluster.members), **{**told(cluster), "pgbouncer_pool_size": size + 1})
    limits = usable_connections(cluster) * 3 // 4, sizes.limits(cluster)[1]
    opened = [sizes.opened(larger, met) for met in sizes.meetings(larger)]
    assert any(one.total > limits[0] or one.by_one_host > limits[1] for one in opened)


@given(clusters(st.integers(500, 900)))
def test_what_is_refused_names_a_size_that_would_be_accepted(cluster: Cluster) -> None:
    listed = pgbouncer_findings(cluster, "here")
    assume([found.what for found in listed] == ["pgbouncer_pool_size"])
    (found,) = listed
    largest = sizes.largest_size(cluster)
    assert f"Lower it to {largest}," in found.hint
    assert (
        pgbouncer_findings(a_cluster(len(cluster.members), **{**told(cluster), "pgbouncer_pool_size": largest}), "")
        == []
    )


def told(cluster: Cluster) -> dict[str, Any]:
    names = ("pgbouncer_on", "pgbouncer_processes", "pgbouncer_databases", "pgbouncer_session_size")
    others = ("haproxy_member_share", "haproxy_replicas_fallback", "patroni_synchronous_mode", "postgres_parameters")
    return {name: getattr(cluster.settings, name) for name in (*names, *others)}


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 19),  # 190 * 3 / 4 = 142 on 3 hosts: 47 each, 8 beside them, two pools
        ({"haproxy_replicas_fallback": "none"}, 43),  # none meets another: 47, 4 beside it
        ({"pgbouncer_processes": 2}, 7),
        ({"pgbouncer_databases": 2}, 9),
        ({"postgres_databases": [{"name": "a"}, {"name": "b"}]}, 9),
        ({"pgbouncer_session_size": 10}, 12),
        ({"haproxy_member_share": "divided"}, 11),  # 190 / (2 * 3) = 31 through one HAProxy
        ({"pgbouncer_on": "members"}, 67),  # 142 of its own member
        ({"pgbouncer_pool_size": 7}, 7),
    ],
)
def test_what_is_derived(settings: dict[str, Any], size: int) -> None:
    cluster = a_cluster(**settings)
    assert [sizes.pool_size(cluster, pool) for pool in pools(cluster)][:2] == [size, size]


@pytest.mark.parametrize(("clients", "files"), [(1000, 4096), (3900, 4096), (3990, 8192), (10_000, 16384)])
def test_files_come_in_steps(clients: int, files: int) -> None:
    assert sizes.files(a_cluster(pgbouncer_max_clients=clients), "write") == files
