"""A clock service on hosts that have none."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import chrony


@deploy("Clock")
def deploy_chrony(cluster: Cluster) -> None:
    """chrony where nothing else keeps the clock; before the certificates, which are valid from a moment on."""
    chrony.running(name="Keep the clock where no service does", cluster=cluster)
