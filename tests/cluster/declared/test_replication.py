"""Modes and tags that do not go together, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.replication import patroni_findings
from cluster.inventory.clusters import declared_clusters
from tests.cluster.preflight_hosts import a_cluster, host

ON: dict[str, Any] = {"patroni_synchronous_mode": "on"}
QUORUM: dict[str, Any] = {"patroni_synchronous_mode": "quorum"}


def found(tags: dict[str, dict[str, Any]], **settings: Any) -> list[tuple[str, str]]:
    """What is refused of three members. + tags: by member"""
    hosts = [
        host(name, cluster_address=f"10.0.0.{n}", patroni_tags=tags.get(name, {}), **settings)
        for n, name in enumerate(("pg1", "pg2", "pg3"), 1)
    ]
    return [(one.what, one.problem) for one in declared_clusters(hosts, {})[1]]


def follows(**sources: str) -> dict[str, dict[str, Any]]:
    return {name: {"replicatefrom": source} for name, source in sources.items()}


def test_each_member_has_tags_of_its_own() -> None:
    assert found({"pg3": {"nofailover": True, "nosync": True, "replicatefrom": "pg2"}}) == []
    assert found(follows(pg2="pg1", pg3="pg2")) == []


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        (follows(pg3="pg3"), "replicatefrom of pg3 names itself"),
        (follows(pg3="pg9"), "replicatefrom of pg3 names pg9, which is no member"),
        (follows(pg2="pg3", pg3="pg2"), "replicatefrom of pg2 leads in a circle: pg2 -> pg3 -> pg2"),
        (follows(pg1="pg2", pg2="pg3", pg3="pg1"), "replicatefrom of pg1 leads in a circle: pg1 -> pg2 -> pg3 -> pg1"),
    ],
)
def test_a_cascade_has_to_begin_somewhere(tags: dict[str, dict[str, Any]], problem: str) -> None:
    assert found(tags)[0] == ("patroni_tags", problem)


def test_one_that_leads_into_a_circle_is_not_in_it() -> None:
    assert [problem for _, problem in found(follows(pg1="pg2", pg2="pg3", pg3="pg2"))] == [
        "replicatefrom of pg2 leads in a circle: pg2 -> pg3 -> pg2",
        "replicatefrom of pg3 leads in a circle: pg3 -> pg2 -> pg3",
    ]


def test_one_more_than_the_synchronous_standbys_may_be_synchronous_for_one_leads() -> None:
    count = "patroni_synchronous_node_count"
    assert found({}, **ON, patroni_synchronous_node_count=2) == []
    assert found({}, **ON, patroni_synchronous_node_count=3) == [
        (count, "3 synchronous standbys beside the leader, and only pg1, pg2, pg3 may be one")
    ]
    assert found({"pg2": {"nosync": True}}, **ON) == []
    assert found({"pg2": {"nosync": True}, **follows(pg3="pg1")}, **ON) == [
        (count, "1 synchronous standbys beside the leader, and only pg1 may be one")
    ]
    nobody = {name: {"nosync": True} for name in ("pg1", "pg2", "pg3")}
    assert found(nobody) == []
    assert found(nobody, **QUORUM) == [(count, "1 synchronous standbys beside the leader, and no member may be one")]


@pytest.mark.parametrize("value", ["off", "local", False])
def test_a_commit_that_waits_for_nobody(value: Any) -> None:
    parameters = {"postgres_parameters": {"synchronous_commit": value}}
    assert found({}, **parameters) == []
    assert found({}, **ON, **parameters) == [
        (
            "postgres_parameters",
            f"synchronous_commit {value!r} waits for no standby, and patroni_synchronous_mode is 'on'",
        )
    ]
    assert found({}, **ON, postgres_parameters={"synchronous_commit": "remote_apply"}) == []


def test_priorities_have_no_effect_in_a_quorum() -> None:
    tags: dict[str, dict[str, Any]] = {"pg2": {"failover_priority": 2}, "pg3": {"failover_priority": 0}}
    assert found(tags, **ON) == []
    assert found(tags, **QUORUM) == [
        ("patroni_tags", "failover_priority of pg2 has no effect with patroni_synchronous_mode 'quorum'")
    ]


@pytest.mark.parametrize(
    ("settings", "version", "problems"),
    [
        (QUORUM, (3, 0, 2), ["patroni_synchronous_mode 'quorum' needs Patroni 4.0, the host's is 3.0.2"]),
        (QUORUM, (4, 0), []),
        (ON, (3, 0, 2), []),
        (
            {"patroni_tags": {"failover_priority": 2}},
            (3, 0, 2),
            ["the tag failover_priority needs Patroni 3.2, the host's is 3.0.2"],
        ),
        (
            {"patroni_tags": {"sync_priority": 2}},
            (4, 0, 7),
            ["the tag sync_priority needs Patroni 4.1, the host's is 4.0.7"],
        ),
        ({"patroni_tags": {"sync_priority": 2}}, (4, 1, 4), []),
    ],
)
def test_what_a_patroni_is_too_old_for(settings: dict[str, Any], version: tuple[int, ...], problems: list[str]) -> None:
    cluster = a_cluster(**settings)
    seen = patroni_findings(cluster, cluster.members[0], version, "Upgrade.")
    assert [one.problem for one in seen] == problems
