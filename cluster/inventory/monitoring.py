"""What is wrong with monitoring as declared."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster
from cluster.declared.monitoring import ROLE
from cluster.findings import Finding


def monitoring_findings(cluster: Cluster, where: str) -> list[Finding]:
    """Everything that would not work. + where: the file that declares the cluster's settings"""
    return [*_names(cluster, where)] if cluster.settings.monitoring else []


def _names(cluster: Cluster, where: str) -> Iterator[Finding]:
    settings = cluster.settings
    owners = {str(one.get("owner")) for one in settings.postgres_databases}
    for name, roles in {"postgres_admin_user": {settings.postgres_admin_user}, "postgres_databases": owners}.items():
        if ROLE in roles:
            problem = f"{ROLE} is the role with which the exporters come, and it may do nothing but look"
            yield Finding(where, name, problem, "Give that role another name, or set monitoring = False.")
