"""The first look at every host, with which the build begins."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from deploys.parts.secrets import cluster_secrets
from operations.first_look import asked


@deploy("Hosts")
def deploy_first_look(cluster: Cluster) -> None:
    """One question to each host for all of its components. + cluster: as declared"""
    asked(name="Ask each host once for everything", cluster=cluster, secrets=cluster_secrets(cluster))
