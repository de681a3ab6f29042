"""What is wrong with monitoring as declared."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster
from cluster.declared.monitoring import ROLE
from cluster.findings import Finding
from cluster.inventory.host import INVENTORY


def monitoring_findings(cluster: Cluster, where: str) -> list[Finding]:
    """Everything that would not work. + where: the file that declares the cluster's settings"""
    if cluster.settings.monitoring:
        return list(_names(cluster, where))
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
