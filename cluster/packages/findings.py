"""What is wrong with the packages that are declared or observed: reasons to refuse, and differences to report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import pooling_hosts
from cluster.declared.replication import patroni_findings
from cluster.findings import Finding
from cluster.measures import version_of
from cluster.packages.files import PGDG_URI, SOURCE, has_server
from cluster.packages.plan import ABSENT, changed_packages, wanted_packages
from cluster.packages.releases import (
    ETCD_FLOOR,
    OFFERS,
    PGBOUNCER_FLOOR,
    POSTGRES_FLOOR,
    PYTHON_FLOOR,
    Offer,
    Release,
    offered_postgres,
    supported_releases,
)
from cluster.packages.versions import is_older, upstream

Observed = Mapping[str, Mapping[str, Any]]

_SOURCE_NAMES = {"distribution": "distribution packages", "pgdg": "PGDG"}


def pin_findings(clusters: Collection[Cluster]) -> list[Finding]:
    """
    Pinned packages that no host installs: most often a typo, and always without effect.

    + clusters: all of an inventory, which may share their settings
    """
    wanted = {package for cluster in clusters for node in cluster for package in wanted_packages(cluster, node)}
    pinned = dict.fromkeys(package for cluster in clusters for package in cluster.settings.packages_versions)
    return [
        Finding(
            "group_data/all.py",
            "packages_versions",
            f"'{package}' is no package that a host of {' or '.join(map(str, clusters))} installs",
            f"The packages are {', '.join(sorted(wanted))}.",
        )
        for package in pinned
        if package not in wanted
    ]


def version_findings(cluster: Cluster, observed: Observed) -> list[Finding]:
    """
    Why the packages cannot be installed as declared.

    + observed: the fact ``HostPackages`` by host name; hosts that are not in it are not judged
    """
    findings: list[Finding] = []
    for node in cluster:
        if node.name not in observed:
            continue
        seen = observed[node.name]
        release = Release.from_observed(seen["release"])
        if release in OFFERS:
            findings += _offer_findings(cluster, node, release)
        else:
            problem = f"{release} is not supported"
            findings.append(Finding(node.name, "release", problem, f"Supported are {supported_releases()}."))
        findings += _old_patroni(cluster, node, seen, OFFERS.get(release))
        findings += _old_pgbouncer(cluster, node, seen, OFFERS.get(release))
        findings += _rival_sources(node, seen)
        findings += _downgrades(cluster, node, seen)
    return findings


def mixed_version_findings(cluster: Cluster, observed: Observed) -> list[Finding]:
    """
    Releases and versions in which the hosts of a cluster differ. Worth a word always, a reason to refuse seldom: a
    rolling upgrade is such a time, and so is a member that was added later than the others.

    + observed: the fact ``HostPackages`` by host name
    """
    postgres = f"postgresql-{cluster.settings.postgres_version}"
    hint = "Set packages_versions to one of them, and upgrade the other hosts one at a time."
    compared = [
        ("patroni", _versions(cluster.members, observed, "patroni"), hint),
        ("postgresql", _versions(cluster.members, observed, postgres), hint),
        ("etcd", _versions(cluster.etcd, observed, "etcd-server"), hint),
        ("release", _releases(cluster.members, observed), "Sort orders differ between releases: reinstall one by one."),
    ]
    return [
        Finding(cluster.name, what, f"differs between hosts: {_listed(versions)}", way_out)
        for what, versions, way_out in compared
        if len(set(versions.values())) > 1
    ]


def pgbackrest_findings(cluster: Cluster, observed: Observed) -> list[Finding]:
    """
    Versions of pgBackRest that differ: members and repository host then refuse to talk to each other.

    + observed: the fact ``HostPackages`` by host name
    """
    hosts = [node for node in cluster if cluster.uses_pgbackrest(node)]
    versions, releases = _versions(hosts, observed, "pgbackrest"), _releases(hosts, observed)
    settings = cluster.settings
    if "pgbackrest" in settings.packages_versions:
        return []
    if len(set(versions.values())) > 1:
        hint = "Set packages_versions = {'pgbackrest': ...} to the newest of them, as dpkg -l shows it whole."
        return [Finding(cluster.name, "pgbackrest", f"differs between hosts: {_listed(versions)}", hint)]
    if len(versions) < len(hosts) and len(set(releases.values())) > 1 and settings.packages_source == "distribution":
        hint = "Set packages_source = 'pgdg', or give the repository host the release of the members."
        problem = f"would differ between hosts: each release has its own: {_listed(releases)}"
        return [Finding(cluster.name, "pgbackrest", problem, hint)]
    return []


def offer_findings(cluster: Cluster, node: Node, seen: Mapping[str, Any]) -> list[Finding]:
    """
    Packages, or pinned versions of them, that the host's sources do not have.

    + seen: the fact ``HostPackages`` with ``offered``, after the package lists were read
    """
    findings = []
    for package in changed_packages(cluster, node, seen):
        offered, pin = seen["offered"].get(package, []), cluster.settings.packages_versions.get(package)
        if not offered:
            hint = f"Look at packages_source, and at what `apt-get update` says on {node.name}."
            findings.append(Finding(node.name, package, "is in none of the host's package sources", hint))
        elif pin is not None and pin not in offered:
            problem = f"version {pin} is not offered; offered: {', '.join(offered)}"
            findings.append(Finding(node.name, package, problem, "Pin one that is offered in packages_versions."))
    return findings


def _offer_findings(cluster: Cluster, node: Node, release: Release) -> Iterable[Finding]:
    settings, own = cluster.settings, OFFERS[release]
    source, offered = settings.packages_source, offered_postgres(settings.packages_source, release)
    if has_server(node) and offered is not None and settings.postgres_version not in offered:
        has = ", ".join(map(str, offered))
        problem = (
            f"PostgreSQL {settings.postgres_version} is not offered by {_SOURCE_NAMES[source]} of {release}, "
            f"which has {has}"
        )
        hint = "Set packages_source = 'pgdg'."
        if own.postgres >= POSTGRES_FLOOR:
            hint = f"Set postgres_version = {own.postgres}, or packages_source = 'pgdg'."
        yield Finding(node.name, "postgres_version", problem, hint)
    if "etcd" in node.roles and source != "mirror" and own.etcd < ETCD_FLOOR:
        has, floor = (".".join(map(str, version)) for version in (own.etcd, ETCD_FLOOR))
        problem = f"etcd {has} of {release} is older than {floor}"
        hint = f"Put etcd on hosts of a newer release, or offer etcd {floor} or newer in a mirror of your own."
        yield Finding(node.name, "etcd", problem, hint)
    if settings.monitoring and own.python < PYTHON_FLOOR:
        has, floor = (".".join(map(str, version)) for version in (own.python, PYTHON_FLOOR))
        problem = f"{release} has Python {has}, and a host that judges itself needs {floor}"
        yield Finding(node.name, "monitoring", problem, "Set monitoring = False, or use hosts of a newer release.")


def _old_patroni(cluster: Cluster, node: Node, seen: Mapping[str, Any], own: Offer | None) -> Iterable[Finding]:
    state = seen["packages"].get("patroni") or ABSENT
    if state["status"] == "installed":
        version, hint = state["version"], "Upgrade Patroni on all members first, or do without it."
    elif own is not None and cluster.settings.packages_source == "distribution":
        version, hint = ".".join(map(str, own.patroni)), "Set packages_source = 'pgdg', or do without it."
    else:
        return
    if "postgres" in node.roles:
        yield from patroni_findings(cluster, node, version_of(upstream(version)), hint)


def _old_pgbouncer(cluster: Cluster, node: Node, seen: Mapping[str, Any], own: Offer | None) -> Iterable[Finding]:
    if node not in pooling_hosts(cluster):
        return
    state, source = seen["packages"].get("pgbouncer") or ABSENT, cluster.settings.packages_source
    pinned = cluster.settings.packages_versions.get("pgbouncer")
    if pinned is not None:
        version, hint = upstream(pinned), "Pin a newer one in packages_versions."
    elif state["status"] == "installed":
        version, hint = upstream(state["version"]), _newer_pgbouncer(node, source)
    elif own is not None and source == "distribution":
        version, hint = ".".join(map(str, own.pgbouncer)), "Set packages_source = 'pgdg', or pgbouncer_on = 'none'."
    else:
        return
    if version_of(version) < PGBOUNCER_FLOOR:
        floor = ".".join(map(str, PGBOUNCER_FLOOR))
        problem = (
            f"PgBouncer {version} is older than {floor}, the first with prepared statements in transaction pooling"
        )
        yield Finding(node.name, "pgbouncer_on", problem, hint)


def _newer_pgbouncer(node: Node, source: str) -> str:
    if source == "distribution":
        return "Set packages_source = 'pgdg' and upgrade it on the host, or set pgbouncer_on = 'none'."
    return f"Upgrade it: `apt-get install --only-upgrade --allow-change-held-packages pgbouncer` on {node.name}."


def _rival_sources(node: Node, seen: Mapping[str, Any]) -> Iterable[Finding]:
    # apt reads no source at all, and so installs nothing, when two entries name different keys for one repository.
    for path in seen["rivals"]:
        problem = f"{path} already names {PGDG_URI}"
        hint = f"Remove it there: the cluster's own entry is {SOURCE}, and apt refuses two with different keys."
        yield Finding(node.name, "packages_source", problem, hint)


def _downgrades(cluster: Cluster, node: Node, seen: Mapping[str, Any]) -> Iterable[Finding]:
    pins = cluster.settings.packages_versions
    for package in wanted_packages(cluster, node):
        state, pin = seen["packages"].get(package) or ABSENT, pins.get(package)
        if pin is not None and state["status"] == "installed" and is_older(pin, state["version"]):
            problem = f"{package} {pin} is older than {state['version']}, which is installed"
            hint = f"Pin {state['version']}; a downgrade is done by hand, with its release notes read."
            yield Finding(node.name, "packages_versions", problem, hint)


def _versions(nodes: Iterable[Node], observed: Observed, package: str) -> dict[str, str]:
    states = {node.name: observed[node.name]["packages"].get(package) for node in nodes if node.name in observed}
    return {name: upstream(state["version"]) for name, state in states.items() if state and state["version"]}


def _releases(nodes: Iterable[Node], observed: Observed) -> dict[str, str]:
    return {
        node.name: str(Release.from_observed(observed[node.name]["release"])) for node in nodes if node.name in observed
    }


def _listed(versions: Mapping[str, str]) -> str:
    by_version: dict[str, list[str]] = {}
    for name, version in versions.items():
        by_version.setdefault(version, []).append(name)
    return "; ".join(f"{version} on {', '.join(names)}" for version, names in by_version.items())
