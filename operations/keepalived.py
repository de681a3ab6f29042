"""keepalived: the virtual IP addresses on the hosts of HAProxy."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.keepalived import COMPONENT, is_wanted, keepalived_component
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import addresses_on_members
from cluster.finding_types.finding_type import RUN
from facts.host import HostComponent
from facts.vip import ServedAddresses
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again
from operations.util.reading import read
from operations.util.said import said


@operation()
@looks_again
def service(cluster: Cluster) -> Commands:
    """
    Let a host of HAProxy take part in keeping the virtual addresses. Where none are to be kept here any more, what an
    earlier run installed is stopped and removed, and the addresses go with it, once the members can take them; another
    keepalived is left alone.

    + cluster: as declared; hosts without the role haproxy are left alone
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
    elif is_wanted(cluster, node):
        yield from apply_component(keepalived_component(cluster, node))
    elif waiting := _not_listening(cluster, node):
        host.log(f"keepalived keeps the addresses until PostgreSQL listens on them on {', '.join(waiting)}")
        host.noop(f"`{RUN}/restart_pending.py`, then this run again, lets the members have them")
    else:
        yield from remove_component(COMPONENT, cluster, node)


def _not_listening(cluster: Cluster, node: Node) -> list[str]:
    """
    The members that could not take over yet what this host keeps. Only in mode leader: there a member asks the network
    before it takes an address, so that it never has it beside this host.
    """
    if cluster.settings.vip_mode != "leader":
        return []
    seen = said(HostComponent, paths=list(COMPONENT.owns(cluster, node)), units={})["paths"]
    if seen[COMPONENT.mark] is None:
        return []
    wanted = [str(address) for address in addresses_on_members(cluster)]
    served = read(cluster.members, ServedAddresses, addresses=wanted, port=cluster.settings.postgres_port)
    return [name for name, found in served.items() if found is not None and set(wanted) - set(found)]
