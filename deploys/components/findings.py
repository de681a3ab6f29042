"""The judgement of each host by itself."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from operations import findings


@deploy("Findings")
def deploy_findings(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Each host judges itself. Last of all, for it is told what all others shall be.

    + cluster: as declared; + secrets: all of the cluster's, by name
    """
    if cluster.settings.monitoring:
        findings.judging(name="Let each host judge itself", cluster=cluster, secrets=secrets)


@deploy("Findings")
def deploy_declaration(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Each host that judges itself learns what is declared now.

    + cluster: as declared; + secrets: all of the cluster's, by name
    """
    if cluster.settings.monitoring:
        findings.follow(name="Tell each host what is declared", cluster=cluster, secrets=secrets)
