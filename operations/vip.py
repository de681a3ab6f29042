"""Virtual IP addresses that the members themselves have: the service that takes them and lets them go."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.vip import COMPONENT, is_wanted, vip_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def holder(cluster: Cluster) -> Commands:
    """
    Run the holder of the addresses. It needs no Patroni to start, and takes nothing before Patroni allows it. Where
    the addresses are kept elsewhere now, or there are none, it is stopped and removed, and its addresses go with it.

    + cluster: as declared; called on every host
    """
    node = cluster.node(host.name)
    if "postgres" not in node.roles:
        host.noop("no PostgreSQL on this host")
    elif is_wanted(cluster, node):
        yield from apply_component(vip_component(cluster, node))
    else:
        yield from remove_component(COMPONENT, cluster, node)
