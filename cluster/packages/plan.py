"""Which packages a host needs, and what has to be done until it has them as declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.components.all import COMPONENTS, components_on
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.packages.files import (
    KEY,
    NEEDRESTART_DIRECTORY,
    OBSERVED_PATHS,
    PGDG_URI,
    PREFERENCES,
    SOURCE,
    has_server,
    host_files,
    source_files,
)
from cluster.packages.releases import Release

_HELD = tuple(name for component in COMPONENTS for name in component.held)

# Debian enables a unit when its package is installed: at the next boot it would run without our configuration.
_UNITS = {package: unit for component in COMPONENTS for package, unit in component.debian_units.items()}

ABSENT: Mapping[str, Any] = {"status": "not-installed", "version": "", "held": False}


def wanted_packages(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """The packages that a host needs for its components, each once."""
    wanted = (package for one in components_on(cluster, node) for package in one.packages(cluster, node))
    return tuple(dict.fromkeys((*wanted, "openssl")))


def held_packages(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Those of a host's packages that nobody but us may change, whether they are to be held or not."""
    return tuple(package for package in wanted_packages(cluster, node) if package.startswith(_HELD))


def packages_question(cluster: Cluster, node: Node) -> dict[str, Any]:
    """The arguments of the fact ``HostPackages`` for a host, for all that is judged and planned here."""
    # Administrators often have PGDG's own entry; two entries for one repository are trouble, see ``version_findings``.
    uri = PGDG_URI if cluster.settings.packages_source == "pgdg" else None
    packages = list(wanted_packages(cluster, node))
    return {"packages": packages, "paths": list(OBSERVED_PATHS), "uri": uri, "own": SOURCE}


@dataclass(frozen=True)
class PackagesPlan:
    """
    What is to be done on one host, in this order.

    + files: to be written
    + gone: paths to be removed
    + update: read the package lists again
    + mask: keep Debian from starting a cluster of its own
    + install: arguments for apt-get, with the version where one is pinned
    + changes_held: whether a held package is among them
    + idle_units: stop and disable them afterwards unless they ran before
    + tidy: an earlier run died while it installed
    + hold, unhold: packages
    """

    files: tuple[Directory | File, ...] = ()
    gone: tuple[str, ...] = ()
    update: bool = False
    mask: bool = False
    install: tuple[str, ...] = ()
    changes_held: bool = False
    idle_units: tuple[str, ...] = ()
    tidy: bool = False
    hold: tuple[str, ...] = ()
    unhold: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the host is as declared."""
        return self == PackagesPlan()


def packages_plan(cluster: Cluster, node: Node, seen: Mapping[str, Any], key: str | None) -> PackagesPlan:
    """
    From the host as observed to the host as declared.

    + seen: the fact ``HostPackages``
    + key: the text of ``signing_key``
    """
    paths = seen["paths"]
    declared = source_files(cluster, Release.from_observed(seen["release"]), key)
    sources = _unfit(declared, paths)
    gone = () if declared else tuple(path for path in (SOURCE, PREFERENCES, KEY) if paths[path] is not None)
    changes = changed_packages(cluster, node, seen)
    own = host_files(cluster, node, needrestart=paths[NEEDRESTART_DIRECTORY] is not None)
    hold, unhold = _holds(cluster, node, seen, changes)
    return PackagesPlan(
        files=(
            *sources,
            *_unfit(own, paths),
        ),
        gone=gone,
        update=bool(sources or gone or changes),
        mask=_must_mask(node, seen),
        install=tuple(changes.values()),
        changes_held=any(_seen(seen, package)["held"] for package in changes),
        idle_units=_units(wanted_packages(cluster, node) if seen["unfinished"] else tuple(changes)),
        tidy=seen["unfinished"],
        hold=hold,
        unhold=unhold,
    )


def changed_packages(cluster: Cluster, node: Node, seen: Mapping[str, Any]) -> dict[str, str]:
    """The packages that are missing, half installed or not at their pinned version, with what to ask apt-get for."""
    pins = cluster.settings.packages_versions
    changes: dict[str, str] = {}
    for package in wanted_packages(cluster, node):
        state, pin = _seen(seen, package), pins.get(package)
        if state["status"] != "installed" or (pin is not None and state["version"] != pin):
            changes[package] = package if pin is None else f"{package}={pin}"
    return changes


def _unfit(declared: Iterable[Directory | File], paths: Mapping[str, Any]) -> tuple[Directory | File, ...]:
    # A directory is the administrator's: it is made where it is absent, and left alone otherwise.
    return tuple(
        item
        for item in declared
        if (paths[item.path] is None if isinstance(item, Directory) else not item.fits(paths[item.path]))
    )


def _seen(seen: Mapping[str, Any], package: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = seen["packages"].get(package)
    return ABSENT if found is None else found


def _holds(
    cluster: Cluster, node: Node, seen: Mapping[str, Any], changes: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ours = held_packages(cluster, node)
    held = tuple(package for package in ours if _seen(seen, package)["held"])
    if not cluster.settings.packages_hold:
        return (), held
    # apt-get takes the hold off what it installs.
    return tuple(package for package in ours if package not in held or package in changes), ()


def _must_mask(node: Node, seen: Mapping[str, Any]) -> bool:
    # Somebody else's cluster on this host is not ours to keep from starting; the preflight says what it thinks of it.
    return has_server(node) and not seen["masked"] and not seen["clusters"]


def _units(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_UNITS[package] for package in packages if package in _UNITS)
