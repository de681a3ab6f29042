"""Packages and releases that are refused or reported, word for word."""

from collections.abc import Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.packages.findings import mixed_version_findings, offer_findings, pin_findings, version_findings
from cluster.packages.releases import OFFERS, Release
from tests.cluster.packages_hosts import MIRROR, a_cluster, seen

BOOKWORM, TRIXIE, JAMMY, NOBLE, RESOLUTE = OFFERS


def found(cluster: Cluster, picture: Mapping[str, Any]) -> list[Finding]:
    return version_findings(cluster, {"pg1": picture})


def test_what_the_distribution_has_is_accepted() -> None:
    for release, offer in OFFERS.items():
        if release != JAMMY:
            assert found(a_cluster(postgres_version=offer.postgres), seen(release)) == []


def test_pgdg_has_every_version_for_every_release() -> None:
    for release in OFFERS:
        for version in (15, 16, 17, 18):
            assert found(a_cluster("postgres", postgres_version=version, packages_source="pgdg"), seen(release)) == []


def test_a_version_that_the_distribution_does_not_have() -> None:
    assert found(a_cluster(postgres_version=17), seen(BOOKWORM)) == [
        Finding(
            "pg1",
            "postgres_version",
            "PostgreSQL 17 is not offered by distribution packages of Debian 12 (bookworm), which has 15",
            "Set postgres_version = 15, or packages_source = 'pgdg'.",
        )
    ]


def test_jammy_is_for_pgdg_and_etcd_elsewhere() -> None:
    assert found(a_cluster(), seen(JAMMY)) == [
        Finding(
            "pg1",
            "postgres_version",
            "PostgreSQL 17 is not offered by distribution packages of Ubuntu 22.04 (jammy), which has 14",
            "Set packages_source = 'pgdg'.",
        ),
        Finding(
            "pg1",
            "etcd",
            "etcd 3.3 of Ubuntu 22.04 (jammy) is older than 3.4",
            "Put etcd on hosts of a newer release, or offer etcd 3.4 or newer in a mirror of your own.",
        ),
    ]
    assert found(a_cluster(**MIRROR), seen(JAMMY)) == []


def test_a_host_that_judges_itself_needs_a_python_that_reads_our_modules() -> None:
    (finding,) = found(a_cluster("haproxy", monitoring=True), seen(JAMMY))
    assert finding == Finding(
        "pg1",
        "monitoring",
        "Ubuntu 22.04 (jammy) has Python 3.10, and a host that judges itself needs 3.11",
        "Set monitoring = False, or use hosts of a newer release.",
    )
    assert found(a_cluster("haproxy"), seen(JAMMY)) == []


def test_hosts_without_the_role_are_not_judged_by_it() -> None:
    assert found(a_cluster("haproxy"), seen(BOOKWORM)) == []
    assert version_findings(a_cluster(nodes=2), {}) == []


def test_another_release() -> None:
    (finding,) = found(a_cluster(**MIRROR), seen(Release("debian", "bullseye", "11")))
    assert finding == Finding(
        "pg1",
        "release",
        "Debian 11 (bullseye) is not supported",
        "Supported are Debian 12 (bookworm), Debian 13 (trixie), Ubuntu 22.04 (jammy), Ubuntu 24.04 (noble), "
        "Ubuntu 26.04 (resolute).",
    )
    assert str(Release("alpine", "", "3.20")) == "alpine 3.20"
    assert str(Release("debian", "forky", "")) == "Debian (forky)"


def test_a_second_entry_for_the_same_repository() -> None:
    assert found(a_cluster(packages_source="pgdg"), seen(rivals=["/etc/apt/sources.list.d/pgdg.list"])) == [
        Finding(
            "pg1",
            "packages_source",
            "/etc/apt/sources.list.d/pgdg.list already names https://apt.postgresql.org/pub/repos/apt",
            "Remove it there: the cluster's own entry is /etc/apt/sources.list.d/pyinfra-patroni.sources, "
            "and apt refuses two with different keys.",
        )
    ]


def test_a_pin_below_what_is_installed() -> None:
    cluster = a_cluster(packages_versions={"patroni": "4.0.6-1"})
    assert found(cluster, seen(packages={"patroni": "4.0.7-3~deb13u1"})) == [
        Finding(
            "pg1",
            "packages_versions",
            "patroni 4.0.6-1 is older than 4.0.7-3~deb13u1, which is installed",
            "Pin 4.0.7-3~deb13u1; a downgrade is done by hand, with its release notes read.",
        )
    ]


def test_a_pin_for_a_package_that_nobody_installs() -> None:
    assert pin_findings([a_cluster("haproxy", packages_versions={"haproxi": "1", "haproxy": "2"})]) == [
        Finding(
            "group_data/all.py",
            "packages_versions",
            "'haproxi' is no package that a host of main installs",
            "The packages are haproxy, openssl.",
        )
    ]


def test_packages_and_versions_that_no_source_has() -> None:
    cluster = a_cluster("haproxy", packages_versions={"openssl": "9-1"})
    picture = seen(offered={"openssl": ["3.5-2", "3.5-1"]})
    assert offer_findings(cluster, cluster.nodes[0], picture) == [
        Finding(
            "pg1",
            "haproxy",
            "is in none of the host's package sources",
            "Look at packages_source, and at what `apt-get update` says on pg1.",
        ),
        Finding(
            "pg1",
            "openssl",
            "version 9-1 is not offered; offered: 3.5-2, 3.5-1",
            "Pin one that is offered in packages_versions.",
        ),
    ]


def test_hosts_that_differ_are_named_with_their_versions() -> None:
    old = {"patroni": "4.0.6-1", "postgresql-17": "17.11-0+deb13u1", "etcd-server": "3.5.15-1"}
    new = {"patroni": "4.0.7-3~deb13u1", "postgresql-17": "17.12-0+deb13u1", "etcd-server": "3.5.16-4"}
    observed = {"pg1": seen(packages=new), "pg2": seen(packages=new), "pg3": seen(BOOKWORM, packages=old)}
    hint = "Set packages_versions to one of them, and upgrade the other hosts one at a time."
    assert mixed_version_findings(a_cluster(nodes=3), observed) == [
        Finding("main", "patroni", "differs between hosts: 4.0.7 on pg1, pg2; 4.0.6 on pg3", hint),
        Finding("main", "postgresql", "differs between hosts: 17.12 on pg1, pg2; 17.11 on pg3", hint),
        Finding("main", "etcd", "differs between hosts: 3.5.16 on pg1, pg2; 3.5.15 on pg3", hint),
        Finding(
            "main",
            "release",
            "differs between hosts: Debian 13 (trixie) on pg1, pg2; Debian 12 (bookworm) on pg3",
            "Sort orders differ between releases: reinstall one by one.",
        ),
    ]


def test_a_packagers_revision_is_no_difference_and_a_missing_package_neither() -> None:
    observed = {"pg1": seen(packages={"patroni": "4.0.7-1"}), "pg2": seen(packages={"patroni": "4.0.7-1.pgdg13+1"})}
    assert mixed_version_findings(a_cluster(nodes=3), {**observed, "pg3": seen()}) == []


def test_a_patroni_that_is_too_old_for_what_is_declared() -> None:
    hint = "Set packages_source = 'pgdg', or do without it."
    wanted = {"postgres_version": 15, "patroni_tags": {"failover_priority": 2}}
    assert found(a_cluster(**wanted), seen(BOOKWORM)) == [
        Finding("pg1", "patroni", "the tag failover_priority needs Patroni 3.2, the host's is 3.0", hint)
    ]
    assert found(a_cluster(**wanted, packages_source="pgdg"), seen(BOOKWORM)) == []
    installed = {"patroni": {"version": "3.0.2-1", "status": "installed", "held": False}}
    assert found(a_cluster(**wanted, packages_source="pgdg"), {**seen(BOOKWORM), "packages": installed}) == [
        Finding(
            *("pg1", "patroni", "the tag failover_priority needs Patroni 3.2, the host's is 3.0.2"),
            "Upgrade Patroni on all members first, or do without it.",
        )
    ]


def test_a_pgbouncer_that_is_too_old_is_refused_where_it_is_wanted() -> None:
    pooled = {"pgbouncer_on": "members"}
    for release, version in ((BOOKWORM, "1.18"), (JAMMY, "1.16")):
        listed = [one for one in found(a_cluster(**pooled), seen(release)) if one.what == "pgbouncer_on"]
        assert listed == [
            Finding(
                "pg1",
                "pgbouncer_on",
                f"PgBouncer {version} is older than 1.21, the first with prepared statements in transaction pooling",
                "Set packages_source = 'pgdg', or pgbouncer_on = 'none'.",
            )
        ]
        assert [one for one in found(a_cluster(), seen(release)) if one.what == "pgbouncer_on"] == []
        assert found(a_cluster("postgres", packages_source="pgdg", **pooled), seen(release)) == []
    for release in (TRIXIE, NOBLE, RESOLUTE):
        assert [one for one in found(a_cluster(**pooled), seen(release)) if one.what == "pgbouncer_on"] == []


def test_an_old_pgbouncer_that_is_installed_or_pinned_counts_whatever_the_source_has() -> None:
    def judged(picture: Mapping[str, Any], **settings: Any) -> list[tuple[str, str]]:
        cluster = a_cluster("postgres", packages_source="pgdg", pgbouncer_on="members", **settings)
        return [(one.problem.split(",")[0], one.hint) for one in found(cluster, picture)]

    old = {"status": "installed", "version": "1.18.0-1", "held": True}
    picture = seen(BOOKWORM)
    picture = {**picture, "packages": {**picture["packages"], "pgbouncer": old}}
    assert judged(picture) == [
        (
            "PgBouncer 1.18.0 is older than 1.21",
            "Upgrade it: `apt-get install --only-upgrade --allow-change-held-packages pgbouncer` on pg1.",
        )
    ]
    assert judged(seen(BOOKWORM), packages_versions={"pgbouncer": "1.18.0-1"}) == [
        ("PgBouncer 1.18.0 is older than 1.21", "Pin a newer one in packages_versions.")
    ]
    assert judged(picture, packages_versions={"pgbouncer": "1.25.2-1.pgdg12+1"}) == []
