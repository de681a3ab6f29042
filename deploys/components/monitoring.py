"""Exporters on every host, where monitoring is declared."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import monitoring


@deploy("Monitoring")
def deploy_monitoring(cluster: Cluster) -> None:
    """
    What serves metrics, and to whom. Needs the packages, the certificates, and the role in PostgreSQL.

    + cluster: as declared
    """
    if cluster.settings.monitoring:
        monitoring.exporters(name="Configure and start the exporters", cluster=cluster)
