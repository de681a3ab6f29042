"""Which cluster is a standby of which, what is refused between them, and what they get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.components.pg_hba import hba_lines
from cluster.components.pgbackrest_server import clients
from cluster.components.standby_cluster import source_method, standby_section, trusted
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.verdicts.standby_role import is_standby, refuse_standby, role_findings, role_problem
from tests.cluster.preflight_hosts import host

COLOCATED = ("postgres", "etcd")


def hosts(*, repository: bool = True, **of_copy: Any) -> list[DeclaredHost]:
    """The cluster shop with two members, and dr, which is a standby of it. + of_copy: settings of dr"""
    groups = (*COLOCATED, "backup") if repository else COLOCATED
    copy = {"cluster_name": "dr", "patroni_standby_of": "shop", **of_copy}
    return [
        host("s1", *groups, cluster_name="shop", cluster_address="10.0.0.1"),
        host("s2", "postgres", cluster_name="shop", cluster_address="10.0.0.2"),
        host("d1", *COLOCATED, cluster_address="10.0.1.1", **copy),
    ]


def both(**options: Any) -> tuple[Cluster, Cluster]:
    clusters, findings = declared_clusters(hosts(**options), {})
    assert findings == []
    return clusters["shop"], clusters["dr"]


def refused(declared: list[DeclaredHost]) -> list[Finding]:
    return declared_clusters(declared, {})[1]


def test_each_knows_the_other() -> None:
    shop, dr = both()
    assert dr.source is not None and dr.source.name == "shop" and dr.source.source is None
    assert [one.name for one in shop.standbys] == ["dr"] and shop.source is None and dr.standbys == ()


def test_patroni_streams_and_falls_back_to_the_archive() -> None:
    shop, dr = both()
    assert standby_section(shop) == {}
    assert standby_section(dr) == {
        "standby_cluster": {
            "host": "10.0.0.1,10.0.0.2",
            "port": 5432,
            "restore_command": '/usr/local/bin/pgbackrest-source get "%f" "%p"',
            "create_replica_methods": ["source", "basebackup"],
        }
    }
    assert source_method(dr) == {"source": {"command": "/usr/local/bin/pgbackrest-source clone", "keep_data": True}}


def test_without_a_repository_it_only_streams() -> None:
    _, dr = both(repository=False)
    section = standby_section(dr)["standby_cluster"]
    assert (section["restore_command"], section["create_replica_methods"]) == (None, ["basebackup"])
    assert source_method(dr) == {} and not dr.reads_source(dr.members[0])


def test_with_the_archive_alone_nobody_is_connected_to() -> None:
    _, dr = both(patroni_standby_streams=False)
    section = standby_section(dr)["standby_cluster"]
    assert (section["host"], section["port"], section["create_replica_methods"]) == (None, None, ["source"])
    assert source_method(dr)["source"]["no_leader"] is True


def test_the_source_lets_the_standby_in() -> None:
    shop, dr = both()
    assert "hostssl replication replicator 10.0.1.1/32 scram-sha-256 clientcert=verify-full" in hba_lines(shop)
    assert not any("10.0.0.1" in line for line in hba_lines(dr))
    assert [node.name for node in clients(shop, shop.members[0])] == ["s2", "d1"]


def test_the_standby_trusts_both() -> None:
    shop, dr = both()
    assert (trusted(shop), trusted(dr)) == ("/etc/postgresql/pki/ca.crt", "/etc/postgresql/pki/upstream.crt")


@pytest.mark.parametrize(
    ("of_copy", "what", "problem"),
    [
        ({"patroni_standby_of": "nowhere"}, "patroni_standby_of", "dr is to follow nowhere, which is no cluster here"),
        ({"patroni_standby_of": "dr"}, "patroni_standby_of", "dr is declared as a standby of itself"),
        ({"postgres_version": 16}, "postgres_version", "16 in the standby cluster dr, 17 in its source shop"),
        ({"postgres_admin_user": "x"}, "postgres_admin_user", "x in the standby cluster dr, admin in its source shop"),
        (
            {"postgres_databases": [{"name": "app"}]},
            "postgres_databases",
            "app of the standby cluster dr is not declared for shop",
        ),
        (
            {"patroni_standby_streams": False, "repository": False},
            "patroni_standby_streams",
            "dr is to be fed by the archive of shop, which has no repository host",
        ),
    ],
)  # fmt: skip
def test_refusals(of_copy: dict[str, Any], what: str, problem: str) -> None:
    assert [(one.what, one.problem) for one in refused(hosts(**of_copy))] == [(what, problem)]


def test_a_standby_has_no_standby() -> None:
    third = host("t1", *COLOCATED, cluster_name="third", patroni_standby_of="dr", cluster_address="10.0.2.1")
    assert [one.problem for one in refused([*hosts(), third])] == ["third is to follow dr, which is a standby of shop"]


def test_two_clusters_do_not_follow_each_other() -> None:
    declared = hosts(repository=False)
    circle = [host(one.name, *one.groups, **{"patroni_standby_of": "dr", **one.data}) for one in declared]
    assert {one.problem for one in refused(circle)} == {
        "shop is to follow dr, which is a standby of shop",
        "dr is to follow shop, which is a standby of dr",
    }


def test_a_standby_has_no_repository_of_its_own() -> None:
    more = host("d2", "backup", cluster_name="dr", patroni_standby_of="shop", cluster_address="10.0.1.2")
    (found,) = refused([*hosts(), more])
    assert found.problem == "the standby cluster dr has the repository host d2"
    assert found.hint == "Its backups are those of shop: take the host out, and add it after the promotion."


FOLLOWS = {"standby_cluster": {"host": "10.0.0.1", "port": 5432}}


def test_what_a_cluster_is() -> None:
    assert is_standby(FOLLOWS) and is_standby({"standby_cluster": {"restore_command": "x"}})
    assert not any(map(is_standby, (None, {}, {"standby_cluster": None}, {"standby_cluster": {"host": None}})))


def test_nothing_but_a_promotion_changes_it() -> None:
    shop, dr = both()
    assert role_problem(shop, {}) is None and role_problem(dr, FOLLOWS) is None
    assert role_problem(shop, FOLLOWS) == (
        "shop is a standby cluster, fed by 10.0.0.1, and not declared as one",
        "Declare patroni_standby_of again; it ends with deploys/promote.py, see docs/runs/promote.md.",
    )
    assert role_problem(dr, {}) == (
        "dr takes writes and is declared as a standby of shop",
        "After its promotion take patroni_standby_of out of the inventory. To make it a standby its data have to go "
        "first: see docs/standby-cluster.md.",
    )


def test_what_is_for_clusters_that_take_writes_is_refused_with_the_way_out() -> None:
    shop, dr = both()
    refuse_standby(shop, "Do that.")
    with pytest.raises(UnsafeError, match=r"^dr is a standby cluster of shop\nHINT: Do that\.$"):
        refuse_standby(dr, "Do that.")


def test_before_it_is_built_nothing_is_said() -> None:
    _, dr = both()
    assert list(role_findings(dr, None)) == list(role_findings(dr, {})) == []
    assert list(role_findings(dr, {"/service/dr/config": json.dumps(FOLLOWS)})) == []
    (found,) = role_findings(dr, {"/service/dr/config": "{}"})
    assert (found.where, found.what) == ("inventory.py", "patroni_standby_of")
