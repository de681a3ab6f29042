"""Packages on every host."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations.packages import installed


@deploy("Packages")
def deploy_packages(cluster: Cluster) -> None:
    """Install what each host's roles need. + cluster: as declared"""
    installed(name="Install and hold", cluster=cluster)
