"""Packages: what is wanted, what is planned, what is refused, and in which words."""

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cluster.address import Address
from cluster.errors import ConfigError
from cluster.files import Directory, File
from cluster.findings import Finding
from cluster.model import ROLES, Cluster, Node
from cluster.packages import PackagesPlan, held_packages, packages_plan, packages_question, wanted_packages
from cluster.packages_files import (
    CREATECLUSTER,
    KEY,
    NEEDRESTART,
    NEEDRESTART_DIRECTORY,
    OBSERVED_PATHS,
    PGDG_KEY,
    PREFERENCES,
    SOURCE,
    preferences_file,
    signing_key,
    source_file,
)
from cluster.packages_findings import mixed_version_findings, offer_findings, pin_findings, version_findings
from cluster.packages_releases import OFFERS, Release
from cluster.packages_versions import compare, is_older, upstream
from cluster.settings import Settings

BOOKWORM, TRIXIE, JAMMY, NOBLE = OFFERS
MIRROR = {
    "packages_source": "mirror",
    "packages_mirror_uri": "https://apt.example.net/pg",
    "packages_mirror_suite": "trixie-ha",
    "packages_mirror_key": "mirror.asc",
}


def a_cluster(*roles: str, nodes: int = 1, **settings: Any) -> Cluster:
    """A cluster of like hosts. + roles: of each; absent: postgres, etcd and haproxy"""
    declared = Settings(**settings)
    given_roles = frozenset(roles or ("postgres", "etcd", "haproxy"))
    return Cluster(
        "main",
        declared,
        tuple(Node(f"pg{n}", Address(f"10.0.0.{n}"), given_roles, declared) for n in range(1, nodes + 1)),
    )


def seen(release: Release = TRIXIE, packages: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A host as observed: bare, but for what is given. + packages: versions of the installed and held ones"""
    return {
        "release": {"id": release.id, "codename": release.codename, "version": release.version},
        "packages": {
            name: {"status": "installed", "version": version, "held": True}
            for name, version in (packages or {}).items()
        },
        "paths": {path: None for path in OBSERVED_PATHS} | {KEY.rpartition("/")[0]: a_directory()},
        "unfinished": False,
        "masked": False,
        "clusters": [],
        "rivals": [],
        "offered": {},
        **more,
    }


def a_directory() -> dict[str, str]:
    return {"kind": "directory", "user": "root", "group": "root", "mode": "755"}


def after(cluster: Cluster, node: Node, before: Mapping[str, Any], plan: PackagesPlan) -> dict[str, Any]:
    """The host as it is when a plan was carried out."""
    packages = {name: dict(state) for name, state in before["packages"].items()}
    for argument in plan.install:
        name, _, version = argument.partition("=")
        packages[name] = {"status": "installed", "version": version or "1", "held": False}
    for name in (*plan.hold, *plan.unhold):
        packages[name]["held"] = name in plan.hold
    paths = dict(before["paths"]) | {item.path: looked_at(item) for item in plan.files} | dict.fromkeys(plan.gone)
    masked = before["masked"] or plan.mask
    return {**before, "packages": packages, "paths": paths, "masked": masked, "unfinished": False}


def looked_at(item: Directory | File) -> dict[str, str]:
    if isinstance(item, Directory):
        return a_directory()
    return {"kind": "file", "user": item.user, "group": item.group, "mode": item.mode, "sha256": item.digest}


def plan_for(cluster: Cluster, picture: Mapping[str, Any], key: str | None = None) -> PackagesPlan:
    return packages_plan(cluster, cluster.nodes[0], picture, key)


def installed_everything(cluster: Cluster, **more: Any) -> dict[str, Any]:
    """A host that is as declared, from the distribution."""
    node = cluster.nodes[0]
    picture = seen(**more)
    return after(cluster, node, picture, packages_plan(cluster, node, picture, None))


# what is wanted


def test_a_role_brings_its_packages() -> None:
    cluster = a_cluster()
    assert wanted_packages(cluster, cluster.nodes[0]) == (
        *("postgresql-17", "postgresql-client-17", "patroni", "python3-etcd", "python3-psycopg2", "ca-certificates"),
        *("etcd-server", "etcd-client", "haproxy", "openssl"),
    )


def test_the_repository_host_needs_nothing_but_openssl_yet() -> None:
    cluster = a_cluster("backup")
    assert wanted_packages(cluster, cluster.nodes[0]) == ("openssl",)


def test_libraries_are_not_held_so_that_their_security_updates_come() -> None:
    cluster = a_cluster()
    assert held_packages(cluster, cluster.nodes[0]) == (
        *("postgresql-17", "postgresql-client-17", "patroni", "etcd-server", "etcd-client", "haproxy"),
    )


@given(roles=st.sets(st.sampled_from(ROLES), min_size=1), version=st.sampled_from([15, 16, 17, 18]))
def test_no_package_is_wanted_twice(roles: set[str], version: int) -> None:
    cluster = a_cluster(*roles, postgres_version=version)
    wanted = wanted_packages(cluster, cluster.nodes[0])
    assert len(wanted) == len(set(wanted))


# the plan


def test_a_bare_host_gets_everything_at_once() -> None:
    plan = plan_for(a_cluster(), seen())
    assert plan.update and plan.mask and not plan.changes_held and not plan.tidy and not plan.gone
    assert plan.install == wanted_packages(a_cluster(), a_cluster().nodes[0])
    assert plan.idle_units == ("patroni", "etcd", "haproxy")
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
    assert plan_for(cluster, picture) == PackagesPlan(tidy=True, idle_units=("patroni", "etcd", "haproxy"))


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


# sources and keys


def test_pgdg_as_apt_wants_it() -> None:
    file = source_file(a_cluster(packages_source="pgdg"), NOBLE)
    assert file is not None
    assert file.path == "/etc/apt/sources.list.d/pyinfra-patroni.sources"
    assert file.content == (
        "# Written by pyinfra-patroni; change packages_source in group_data instead.\n"
        "Types: deb\n"
        "URIs: https://apt.postgresql.org/pub/repos/apt\n"
        "Suites: noble-pgdg\n"
        "Components: main\n"
        "Signed-By: /etc/apt/keyrings/pyinfra-patroni.asc\n"
    )


def test_a_mirror_as_apt_wants_it() -> None:
    file = source_file(a_cluster(**MIRROR, packages_mirror_components=["main", "extra"]), TRIXIE)
    assert file is not None
    assert "URIs: https://apt.example.net/pg\nSuites: trixie-ha\nComponents: main extra\n" in file.content


def test_a_mirror_wins_over_the_distribution_and_pgdg_has_no_say_in_etcd() -> None:
    mirror, pgdg = preferences_file(a_cluster(**MIRROR)), preferences_file(a_cluster(packages_source="pgdg"))
    assert mirror is not None and pgdg is not None
    assert 'Pin: origin "apt.example.net"\nPin-Priority: 600\n' in mirror.content
    assert "Package: etcd-server etcd-client haproxy\nPin: release o=apt.postgresql.org\n" in pgdg.content


def test_the_distribution_needs_no_file_of_ours() -> None:
    cluster = a_cluster()
    assert (source_file(cluster, TRIXIE), preferences_file(cluster), signing_key(cluster)) == (None, None, None)


def test_only_pgdg_is_looked_for_in_other_entries() -> None:
    pgdg, mirror = a_cluster(packages_source="pgdg"), a_cluster(**MIRROR)
    assert packages_question(pgdg, pgdg.nodes[0])["uri"] == "https://apt.postgresql.org/pub/repos/apt"
    assert packages_question(mirror, mirror.nodes[0])["uri"] is None


def fingerprint(armored: str) -> str:
    """The v4 fingerprint of an armored key's first packet, RFC 4880 section 12.2."""
    lines = armored.split("\n\n", 1)[1].splitlines()
    data = base64.b64decode("".join(line for line in lines if line and line[0] not in "=-"))
    assert data[0] == 0x99, "an old-format public key packet with a length of two octets"
    length = int.from_bytes(data[1:3], "big")
    return hashlib.sha1(data[: 3 + length]).hexdigest().upper()


def test_the_key_that_is_shipped_is_pgdgs() -> None:
    text = signing_key(a_cluster(packages_source="pgdg"))
    assert text is not None
    assert fingerprint(text) == "B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8"
    # The file as Debian's postgresql-common ships it, so that its user ids and signatures are as they were, too.
    digest = hashlib.sha256(PGDG_KEY.read_bytes()).hexdigest()
    assert digest == "0144068502a1eddd2a0280ede10ef607d1ec592ce819940991203941564e8e76"


@given(st.integers(min_value=0, max_value=500))
def test_a_tampered_key_has_another_fingerprint(position: int) -> None:
    head, body = PGDG_KEY.read_text().split("\n\n", 1)
    index = 8 + position + position // 64  # within the first packet; each line holds 64 characters
    other = "A" if body[index] != "A" else "B"
    tampered = body if body[index] == "\n" else f"{body[:index]}{other}{body[index + 1 :]}"
    assert (fingerprint(f"{head}\n\n{tampered}") == "B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8") == (tampered == body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the key of the package source cannot be read: No such file or directory: {path}\nHINT: "),
        (b"\x99\x01\xff", "{path} is no ASCII-armored public key\nHINT: take what `gpg --export --armor` prints."),
        (b"hello\n", "{path} is no ASCII-armored public key\nHINT: take what `gpg --export --armor` prints."),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "{path} holds a private key\nHINT: take what "),
    ],
)
def test_a_key_that_apt_could_not_use_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "mirror.asc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        signing_key(a_cluster(**{**MIRROR, "packages_mirror_key": str(path)}))
    assert str(refused.value).startswith(message.format(path=path))


# findings


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


def test_hosts_without_the_role_are_not_judged_by_it() -> None:
    assert found(a_cluster("haproxy"), seen(BOOKWORM)) == []
    assert version_findings(a_cluster(nodes=2), {}) == []


def test_another_release() -> None:
    (finding,) = found(a_cluster(**MIRROR), seen(Release("debian", "bullseye", "11")))
    assert finding == Finding(
        "pg1",
        "release",
        "Debian 11 (bullseye) is not supported",
        "Supported are Debian 12 (bookworm), Debian 13 (trixie), Ubuntu 22.04 (jammy), Ubuntu 24.04 (noble).",
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
    assert pin_findings(a_cluster("haproxy", packages_versions={"haproxi": "1", "haproxy": "2"})) == [
        Finding(
            "group_data/all.py",
            "packages_versions",
            "'haproxi' is no package that a host of cluster main installs",
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


# versions


def test_upstream_versions() -> None:
    versions = ("17.11-0+deb13u1", "4.0.7-3~deb13u1", "2:3.5.16-4", "3.3.25+dfsg-7", "3.0~rc1-1", "18")
    assert [upstream(version) for version in versions] == ["17.11", "4.0.7", "3.5.16", "3.3.25", "3.0", "18"]


VERSIONS = st.from_regex(r"([0-9]:)?[0-9][0-9a-b.+~]{0,6}(-[0-9a-b.+~]{1,4})?", fullmatch=True)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_are_ordered(a: str, b: str, c: str) -> None:
    assert (compare(a, b) > 0) == (compare(b, a) < 0)
    assert compare(a, a) == 0
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this machine")
@hypothesis_settings(deadline=None, max_examples=150)
@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_as_dpkg_orders_them(left: str, right: str) -> None:
    older = subprocess.run(["dpkg", "--compare-versions", left, "lt", right], check=False).returncode == 0
    assert is_older(left, right) == older


def test_the_model_of_the_release_is_not_bound_to_the_observed_order() -> None:
    assert replace(TRIXIE) in OFFERS
