"""Exporters on every host, where monitoring is declared."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from deploys.parts.secrets import secrets_directory
from operations import monitoring


@deploy("Monitoring")
def deploy_monitoring(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    What serves metrics, and who looks at them. Needs the packages, the certificates, and the role in PostgreSQL.

    + cluster: as declared; + secrets: all of the cluster's, by name
    """
    if not cluster.settings.monitoring:
        return
    monitoring.exporters(name="Configure and start the exporters", cluster=cluster)
    if cluster.watched:
        theirs = {one.name: secrets_directory(one) for one in cluster.watched}
        monitoring.trust_watched(name="Trust the clusters that are watched", cluster=cluster, secrets=theirs)
    if cluster.having("monitor"):
        monitoring.monitor(name="Configure and start Prometheus and Alertmanager", cluster=cluster, secrets=secrets)
