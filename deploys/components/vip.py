"""Virtual IP addresses on the members."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import vip


@deploy("Addresses")
def deploy_vip(cluster: Cluster) -> None:
    """The holder of virtual addresses, before PostgreSQL starts, which listens on them; after the certificates."""
    vip.holder(name="Run the holder of virtual addresses", cluster=cluster)
