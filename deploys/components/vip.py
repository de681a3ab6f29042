"""Virtual IP addresses on the members."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import bgp, vip


@deploy("Addresses")
def deploy_vip(cluster: Cluster) -> None:
    """
    The holder of virtual addresses, and what announces them to routers, or their removal. Needs the certificates.
    """
    bgp.speaker(name="Announce addresses to routers", cluster=cluster)
    vip.holder(name="Run the holder of virtual addresses", cluster=cluster)
