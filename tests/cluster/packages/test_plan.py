"""Packages: what a host needs, and what is planned until it has it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.components.files import File
from cluster.declared.model import ROLES, Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.packages.files import (
    CREATECLUSTER,
    KEY,
    NEEDRESTART,
    NEEDRESTART_DIRECTORY,
    PREFERENCES,
    SOURCE,
    signing_key,
)
from cluster.packages.plan import PackagesPlan, held_packages, wanted_packages
from tests.cluster.packages_hosts import a_cluster, a_directory, after, installed_everything, plan_for, seen


def test_a_role_brings_its_packages() -> None:
    cluster = a_cluster()
    assert wanted_packages(cluster, cluster.nodes[0]) == (
        *("etcd-server", "etcd-client", "python3"),
        *("postgresql-17", "postgresql-client-17", "patroni", "python3-etcd", "python3-psycopg2", "ca-certificates"),
        *("haproxy", "openssl"),
    )


def test_pgbackrest_is_where_the_repository_and_the_data_are() -> None:
    cluster = with_repository()
    names = {node.name for node in cluster if "pgbackrest" in wanted_packages(cluster, node)}
    assert names == {"pg1", "b"}
    server = ("postgresql-17", "postgresql-client-17")
    assert wanted_packages(cluster, cluster.node("b")) == ("etcd-client", "pgbackrest", *server, "python3", "openssl")
    assert "pgbackrest" in held_packages(cluster, cluster.node("b"))
    without = a_cluster()
    assert not [node for node in without if "pgbackrest" in wanted_packages(without, node)]


def with_repository() -> Cluster:
    groups = {"pg1": ("postgres",), "e1": ("etcd",), "lb": ("haproxy",), "b": ("backup",)}
    hosts = [
        DeclaredHost(name, groups[name], {"cluster_address": f"10.0.0.{n}"}, {}) for n, name in enumerate(groups, 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def test_libraries_are_not_held_so_that_their_security_updates_come() -> None:
    cluster = a_cluster()
    assert held_packages(cluster, cluster.nodes[0]) == (
        *("etcd-server", "etcd-client", "postgresql-17", "postgresql-client-17", "patroni", "haproxy"),
    )


@given(roles=st.sets(st.sampled_from(ROLES), min_size=1), version=st.sampled_from([15, 16, 17, 18]))
def test_no_package_is_wanted_twice(roles: set[str], version: int) -> None:
    cluster = a_cluster(*roles, postgres_version=version)
    wanted = wanted_packages(cluster, cluster.nodes[0])
    assert len(wanted) == len(set(wanted))


def test_a_bare_host_gets_everything_at_once() -> None:
    plan = plan_for(a_cluster(), seen())
    assert plan.update and plan.mask and not plan.changes_held and not plan.tidy and not plan.gone
    assert plan.install == wanted_packages(a_cluster(), a_cluster().nodes[0])
    assert plan.idle_units == ("etcd", "patroni", "haproxy")
    assert [item.path for item in plan.files] == ["/etc/postgresql-common", CREATECLUSTER]


def test_a_host_as_declared_needs_nothing() -> None:
    cluster = a_cluster()
    assert plan_for(cluster, installed_everything(cluster)).is_done


def test_an_installed_package_is_left_at_its_version() -> None:
    cluster = a_cluster()
    picture = installed_everything(cluster)
    picture["packages"]["patroni"]["version"] = "3.0-1"
    assert plan_for(cluster, picture).is_done


def test_one_missing_package_is_installed_alone_and_only_its_unit_is_kept_down() -> None:
    cluster = a_cluster()
    picture = installed_everything(cluster)
    del picture["packages"]["haproxy"]
    assert plan_for(cluster, picture) == PackagesPlan(
        update=True, install=("haproxy",), idle_units=("haproxy",), hold=("haproxy",)
    )


def test_a_half_installed_package_is_installed_again() -> None:
    cluster = a_cluster()
    picture = installed_everything(cluster)
    picture["packages"]["patroni"]["status"] = "half-configured"
    assert plan_for(cluster, picture).install == ("patroni",)


def test_another_version_than_the_pinned_is_changed_and_held_again() -> None:
    cluster = a_cluster(packages_versions={"patroni": "4.0.8-1"})
    picture = installed_everything(a_cluster())
    assert plan_for(cluster, picture) == PackagesPlan(
        update=True, install=("patroni=4.0.8-1",), changes_held=True, idle_units=("patroni",), hold=("patroni",)
    )


def test_a_lost_hold_is_set_again_without_touching_a_package() -> None:
    cluster = a_cluster()
    picture = installed_everything(cluster)
    picture["packages"]["patroni"]["held"] = False
    assert plan_for(cluster, picture) == PackagesPlan(hold=("patroni",))


def test_without_holds_ours_are_taken_off() -> None:
    picture = installed_everything(a_cluster("haproxy"))
    assert plan_for(a_cluster("haproxy", packages_hold=False), picture) == PackagesPlan(unhold=("haproxy",))


def test_an_installation_that_died_is_finished() -> None:
    cluster = a_cluster()
    picture = installed_everything(cluster, unfinished=False) | {"unfinished": True}
    assert plan_for(cluster, picture) == PackagesPlan(tidy=True, idle_units=("etcd", "patroni", "haproxy"))


def test_somebody_elses_cluster_is_not_kept_from_starting() -> None:
    assert not plan_for(a_cluster(), seen(clusters=["/etc/postgresql/17/main/postgresql.conf"])).mask


def test_needrestart_is_told_only_where_it_is() -> None:
    picture = seen()
    picture["paths"][NEEDRESTART_DIRECTORY] = a_directory()
    (file,) = [item for item in plan_for(a_cluster(), picture).files if item.path == NEEDRESTART]
    assert isinstance(file, File)
    assert "$nrconf{override_rc}{qr(^patroni)} = 0;\n" in file.content


def test_a_directory_of_the_administrator_keeps_its_mode() -> None:
    picture = seen()
    picture["paths"]["/etc/postgresql-common"] = {**a_directory(), "mode": "700"}
    assert [item.path for item in plan_for(a_cluster(), picture).files] == [CREATECLUSTER]


def test_the_source_goes_when_it_is_no_longer_declared() -> None:
    cluster = a_cluster("haproxy")
    pgdg = a_cluster("haproxy", packages_source="pgdg")
    picture = seen()
    picture = after(pgdg, pgdg.nodes[0], picture, plan_for(pgdg, picture, signing_key(pgdg)))
    assert plan_for(pgdg, picture, signing_key(pgdg)).is_done
    assert plan_for(cluster, picture) == PackagesPlan(gone=(SOURCE, PREFERENCES, KEY), update=True)


@given(
    roles=st.sets(st.sampled_from(ROLES), min_size=1),
    source=st.sampled_from(["distribution", "pgdg"]),
    hold=st.booleans(),
    pinned=st.booleans(),
    states=st.dictionaries(
        st.sampled_from(["patroni", "postgresql-17", "haproxy", "etcd-server", "openssl"]),
        st.fixed_dictionaries(
            {
                "status": st.sampled_from(["installed", "config-files", "half-installed"]),
                "version": st.sampled_from(["1", "2"]),
                "held": st.booleans(),
            }
        ),
    ),
    flags=st.fixed_dictionaries({"masked": st.booleans(), "unfinished": st.booleans()}),
)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    roles: set[str], source: str, hold: bool, pinned: bool, states: dict[str, Any], flags: dict[str, bool]
) -> None:
    pins = {"patroni": "2"} if pinned else {}
    cluster = a_cluster(*roles, packages_source=source, packages_hold=hold, packages_versions=pins)
    picture, key = seen(packages={}, **flags) | {"packages": states}, signing_key(cluster)
    first = plan_for(cluster, picture, key)
    assert plan_for(cluster, after(cluster, cluster.nodes[0], picture, first), key).is_done


@given(roles=st.sets(st.sampled_from(ROLES), min_size=1), masked=st.booleans())
def test_nothing_is_installed_before_debian_is_kept_from_making_a_cluster(roles: set[str], masked: bool) -> None:
    plan = plan_for(a_cluster(*roles), seen(masked=masked))
    if any(argument.startswith("postgresql") for argument in plan.install):
        assert CREATECLUSTER in [item.path for item in plan.files]
        assert plan.mask != masked
