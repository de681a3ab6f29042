"""Proof by use, and the connection card."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.pki.issuers import authority_path
from deploys.parts.secrets import cluster_secrets, secrets_directory
from operations import proof


@deploy("Proof")
def deploy_proof(cluster: Cluster) -> None:
    """Use the cluster as its clients will, then print how. + cluster: as declared"""
    secrets = cluster_secrets(cluster)
    given = "PATRONI_ADMIN_PASSWORD" in secrets.from_environment
    places = {
        "ca": str(authority_path(cluster, secrets_directory(cluster))),
        "password": "$PATRONI_ADMIN_PASSWORD" if given else f"{secrets.path} (PATRONI_ADMIN_PASSWORD)",
    }
    proof.proven(name="Verify every endpoint", cluster=cluster, secrets=secrets, places=places)
