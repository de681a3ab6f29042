"""Declared clusters and observed hosts for the tests of the packages."""

from collections.abc import Mapping
from typing import Any

from cluster.components.files import Directory, File
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.packages.files import KEY, OBSERVED_PATHS
from cluster.packages.plan import PackagesPlan, packages_plan
from cluster.packages.releases import Release
from cluster.settings.settings import Settings

TRIXIE = Release("debian", "trixie", "13")
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
        "paths": dict.fromkeys(OBSERVED_PATHS) | {KEY.rpartition("/")[0]: a_directory()},
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
