"""The firewall on every host."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import firewall


@deploy("Firewall")
def deploy_opening(cluster: Cluster) -> None:
    """
    Open what the hosts need of each other, before any service: a host that joins reaches the others from here on.
    Needs the packages. + cluster: as declared
    """
    firewall.opening(name="Open the ports that will be needed", cluster=cluster)


@deploy("Firewall")
def deploy_firewall(cluster: Cluster) -> None:
    """Close all that is not needed, when the services are where they are declared. + cluster: as declared"""
    firewall.rules(name="Accept what is needed, and nothing else", cluster=cluster)
