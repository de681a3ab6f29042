"""Virtual IP addresses that the members themselves have: the service that takes them and lets them go."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.vip import COMPONENT, vip_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def holder(cluster: Cluster) -> Commands:
    """
    Run the holder of the addresses. It needs no Patroni to start, and takes nothing before Patroni allows it.

    + cluster: as declared; called on every host
    """
    node = cluster.node(host.name)
    if not COMPONENT.on(cluster, node):
        host.noop("this host has no virtual addresses")
        return
    yield from apply_component(vip_component(cluster, node))
