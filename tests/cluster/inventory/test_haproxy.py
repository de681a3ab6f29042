"""What HAProxy's settings and the members behind it cannot do together, refused before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost

ALL = ("postgres", "etcd", "haproxy")
EVERYWHERE = "pg1, pg2, pg3"


def found(roles: tuple[str, ...] = ALL, count: int = 3, **settings: Any) -> list[Finding]:
    hosts = [
        DeclaredHost(f"pg{n}", roles, {"cluster_address": f"10.0.0.{n}", **settings}, {}) for n in range(1, count + 1)
    ]
    return declared_clusters(hosts, {})[1]


def limited(connections: Any, **parameters: Any) -> dict[str, Any]:
    return {"postgres_parameters": {"max_connections": connections, **parameters}}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        limited(25),
        limited("400"),
        {"haproxy_max_connections": 570},
        {"haproxy_member_share": "divided"},
        {"haproxy_member_share": "divided", "patroni_synchronous_mode": "quorum"},
        {"haproxy_max_connections": 1000, **limited(400)},
        limited(None),
    ],
)
def test_what_goes_together_is_not_refused(settings: dict[str, Any]) -> None:
    assert found(**settings) == []


def test_more_clients_than_all_members_take_are_refused() -> None:
    assert found(haproxy_max_connections=2000) == [
        Finding(
            "group_data/all.py",
            "haproxy_max_connections",
            f"2000 clients on a port of HAProxy on {EVERYWHERE}, and {EVERYWHERE} together take 570: "
            "max_connections 200 without 5 reserved and 5 for the cluster itself",
            "Lower it to 570, raise max_connections to 677 in postgres_parameters (deploys/restart_pending.py makes it "
            "work), or take it out: then clients wait for a connection.",
        )
    ]
    assert found(haproxy_max_connections=2000, **limited(677)) == []


def test_what_is_reserved_by_declaration_counts() -> None:
    (one,) = found(haproxy_max_connections=570, **limited(200, reserved_connections=10))
    assert "together take 540: max_connections 200 without 15 reserved" in one.problem


def test_a_member_that_leaves_no_place_for_clients_is_refused() -> None:
    assert found(**limited(25, superuser_reserved_connections=20)) == [
        Finding(
            "group_data/all.py",
            "postgres_parameters",
            f"no client of HAProxy on {EVERYWHERE} would get a connection: "
            "max_connections 25 without 20 reserved and 5 for the cluster itself",
            "Raise max_connections to 26 or more in postgres_parameters (deploys/restart_pending.py makes it work).",
        )
    ]


def test_a_share_below_one_connection_is_refused() -> None:
    assert found(haproxy_member_share="divided", **limited(25), patroni_synchronous_mode="on", count=6) == [
        *(one for one in found(count=6) if one.what == "etcd"),
        Finding(
            "group_data/all.py",
            "haproxy_member_share",
            "'divided' is among 18 ports of HAProxy on pg1, pg2, pg3, pg4, pg5, pg6, and a member takes 15 clients: "
            "max_connections 25 without 5 reserved and 5 for the cluster itself",
            "Raise max_connections to 28 or more in postgres_parameters (deploys/restart_pending.py makes it work), or "
            "set haproxy_member_share = 'whole'.",
        ),
    ]


def test_without_haproxy_its_limits_say_nothing() -> None:
    assert found(("postgres", "etcd"), haproxy_max_connections=2000, haproxy_weight=0) == []


def test_a_wrong_parameter_is_named_once() -> None:
    assert {one.problem for one in found(**limited(200, superuser_reserved_connections="many"))} == {
        "superuser_reserved_connections 'many' is no number"
    }
    assert {one.problem for one in found(**limited(25, superuser_reserved_connections=25))} == {
        "max_connections 25 leaves no connection beside the 25 reserved ones"
    }


def test_somebody_has_to_serve_readers() -> None:
    assert found(haproxy_weight=0) == [
        Finding(
            "inventory.py",
            "haproxy_weight",
            f"0 on {EVERYWHERE}: port 5004 of HAProxy on {EVERYWHERE} would lead to no member",
            "Give one of them 1 or more.",
        )
    ]
