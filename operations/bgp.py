"""BGP: what tells routers which virtual IP addresses a member has."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.bgp import COMPONENT, bgp_component, is_wanted
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def speaker(cluster: Cluster) -> Commands:
    """
    Let a member announce the addresses that it has. A changed configuration is loaded without ending a session. Where
    nothing is announced any more, what an earlier run installed is stopped and removed.

    + cluster: as declared; called on every host
    """
    node = cluster.node(host.name)
    if "postgres" not in node.roles:
        host.noop("no PostgreSQL on this host")
    elif is_wanted(cluster, node):
        yield from apply_component(bgp_component(cluster, node))
    else:
        yield from remove_component(COMPONENT, cluster, node)
