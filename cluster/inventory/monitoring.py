"""What is wrong with monitoring as declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.components.monitoring.shipped import limit_names
from cluster.declared.model import Cluster
from cluster.declared.monitoring import ROLE
from cluster.findings import Finding
from cluster.inventory.host import INVENTORY


def monitoring_findings(cluster: Cluster, where: str) -> list[Finding]:
    """Everything that would not work. + where: the file that declares the cluster's settings"""
    if cluster.settings.monitoring:
        return [*_names(cluster, where), *_limits(cluster, where)]
    return list(_unwatched(cluster))


def _unwatched(cluster: Cluster) -> Iterator[Finding]:
    for node in cluster.having("monitor"):
        problem = f"{node.name} is in the group monitor, and monitoring is False: there would be nothing to scrape"
        yield Finding(INVENTORY, "monitor", problem, "Set monitoring = True, or take the host out of the group.")


def _names(cluster: Cluster, where: str) -> Iterator[Finding]:
    settings = cluster.settings
    owners = {str(one.get("owner")) for one in settings.postgres_databases}
    for name, roles in {"postgres_admin_user": {settings.postgres_admin_user}, "postgres_databases": owners}.items():
        if ROLE in roles:
            problem = f"{ROLE} is the role with which the exporters come, and it may do nothing but look"
            yield Finding(where, name, problem, "Give that role another name, or set monitoring = False.")


def _limits(cluster: Cluster, where: str) -> Iterator[Finding]:
    known = limit_names()
    for name in cluster.settings.monitoring_limits:
        if name not in known:
            hint = f"The limits are {', '.join(known)}; their meaning stands in docs/alerts.md."
            yield Finding(where, "monitoring_limits", f"no alert compares with '{name}'", hint)


def watched_findings(clusters: Mapping[str, Cluster]) -> Iterator[Finding]:
    """What is wrong with clusters that are scraped from others' hosts. + clusters: by name"""
    for cluster in clusters.values():
        for name in cluster.settings.monitoring_watches:
            if problem := _unwatchable(clusters, cluster, name):
                hint = f"The inventory has {', '.join(clusters)}; name others of these that have monitoring = True."
                yield Finding(INVENTORY, "monitoring_watches", problem, hint)


def _unwatchable(clusters: Mapping[str, Cluster], cluster: Cluster, name: str) -> str | None:
    if name not in clusters:
        return f"{cluster.name} is to watch {name}, which is no cluster here"
    if name == cluster.name:
        return f"{cluster.name} is to watch itself, which it does in any case"
    if not clusters[name].settings.monitoring:
        return f"{cluster.name} is to watch {name}, where monitoring is False"
    without = f"{cluster.name} is to watch {name}, and has no host in the group monitor"
    return None if cluster.having("monitor") else without
