"""keepalived on the hosts of the group haproxy."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import keepalived


@deploy("Virtual addresses")
def deploy_keepalived(cluster: Cluster) -> None:
    """
    Bring keepalived up, let it load what changed, or take it away. Every host calls it, so that nothing later overtakes
    it. Needs HAProxy.

    + cluster: as declared
    """
    keepalived.service(name="Configure and start keepalived", cluster=cluster)
