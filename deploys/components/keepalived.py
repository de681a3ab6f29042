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
    _hand_over(cluster)


@deploy("Virtual addresses")
def deploy_handover(cluster: Cluster) -> None:
    """
    Let the members have what keepalived kept until PostgreSQL listens there; for any run that may have brought that.

    + cluster: as declared
    """
    _hand_over(cluster)


def _hand_over(cluster: Cluster) -> None:
    if cluster.settings.vip_mode != "leader":
        return
    keepalived.give_up(name="Stop keepalived where it has no address", cluster=cluster, having=False)
    keepalived.give_up(name="Give addresses to the members", cluster=cluster, having=True)
