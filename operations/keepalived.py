"""keepalived: the virtual IP addresses on the hosts of HAProxy."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.keepalived import COMPONENT, is_wanted, keepalived_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def service(cluster: Cluster) -> Commands:
    """
    Let a host of HAProxy take part in keeping the virtual addresses. Where no addresses are declared any more, what an
    earlier run installed is stopped and removed, and the addresses go with it; another keepalived is left alone.

    + cluster: as declared; hosts without the role haproxy are left alone
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
    elif is_wanted(cluster, node):
        yield from apply_component(keepalived_component(cluster, node))
    else:
        yield from remove_component(COMPONENT, cluster, node)
