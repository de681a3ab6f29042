"""Standby clusters: which cluster is fed by which, and what must hold between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cluster.declared.model import Cluster
from cluster.findings import Finding

INVENTORY = "inventory.py"
SETTING = "patroni_standby_of"


def related(clusters: Mapping[str, Cluster]) -> dict[str, Cluster]:
    """
    The same clusters, each with the one that it is a standby of, with its own standbys, and with those that are scraped
    from its hosts, or scrape it. + clusters: by name
    """
    return {
        name: replace(
            cluster,
            source=clusters.get(cluster.settings.patroni_standby_of or ""),
            standbys=tuple(one for one in clusters.values() if one.settings.patroni_standby_of == name),
            watched=tuple(one for one in clusters.values() if watches(cluster, one.name)),
            watchers=tuple(node for one in clusters.values() if watches(one, name) for node in one.having("monitor")),
        )
        for name, cluster in clusters.items()
    }


def watches(cluster: Cluster, name: str) -> bool:
    """Whether a cluster's hosts scrape another one. + name: that one's"""
    return name in cluster.settings.monitoring_watches and name != cluster.name


def standby_findings(clusters: Mapping[str, Cluster]) -> list[Finding]:
    """What is wrong between standby clusters and their sources. + clusters: by name, as ``related`` returns them"""
    standbys = [one for one in clusters.values() if one.settings.patroni_standby_of is not None]
    return [finding for standby in standbys for finding in _findings(standby, clusters)]


def _findings(standby: Cluster, clusters: Mapping[str, Cluster]) -> Iterator[Finding]:
    source, declared = standby.source, standby.settings.patroni_standby_of
    if source is None:
        hint = f"The inventory has {', '.join(clusters)}; a source elsewhere is not supported."
        yield Finding(INVENTORY, SETTING, f"{standby.name} is to follow {declared}, which is no cluster here", hint)
    elif source.name == standby.name:
        problem = f"{standby.name} is declared as a standby of itself"
        yield Finding(INVENTORY, SETTING, problem, "Set it on the hosts of the standby cluster only.")
    elif source.settings.patroni_standby_of is not None:
        problem = (
            f"{standby.name} is to follow {source.name}, which is a standby of {source.settings.patroni_standby_of}"
        )
        yield Finding(INVENTORY, SETTING, problem, "A source is a cluster that takes writes: name that one for both.")
    else:
        yield from _feed_findings(standby, source)
        yield from _copy_findings(standby, source)


def _feed_findings(standby: Cluster, source: Cluster) -> Iterator[Finding]:
    if not standby.settings.patroni_standby_streams and source.repository is None:
        problem = f"{standby.name} is to be fed by the archive of {source.name}, which has no repository host"
        hint = f"Put a host of {source.name} in the group backup, or let {standby.name} stream."
        yield Finding(INVENTORY, "patroni_standby_streams", problem, hint)
    if standby.repository is not None:
        problem = f"the standby cluster {standby.name} has the repository host {standby.repository.name}"
        hint = f"Its backups are those of {source.name}: take the host out, and add it after the promotion."
        yield Finding(INVENTORY, "backup", problem, hint)


def _copy_findings(standby: Cluster, source: Cluster) -> Iterator[Finding]:
    """What a copy has of its original, and therefore cannot be declared otherwise."""
    for name in ("postgres_version", "postgres_admin_user"):
        own, theirs = getattr(standby.settings, name), getattr(source.settings, name)
        if own != theirs:
            problem = f"{own} in the standby cluster {standby.name}, {theirs} in its source {source.name}"
            yield Finding(INVENTORY, name, problem, f"Set it to {theirs}: a standby is a copy of its source.")
    databases = {one["name"] for one in source.settings.postgres_databases}
    if extra := [one["name"] for one in standby.settings.postgres_databases if one["name"] not in databases]:
        problem = f"{', '.join(extra)} of the standby cluster {standby.name} is not declared for {source.name}"
        yield Finding(INVENTORY, "postgres_databases", problem, f"Declare it for {source.name}: the copy follows.")
