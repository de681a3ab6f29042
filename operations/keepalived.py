"""keepalived: the virtual IP addresses on the hosts of HAProxy."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.keepalived import COMPONENT, is_wanted, keepalived_component
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import addresses_on_members
from cluster.finding_types.finding_type import RUN
from facts.host import HostComponent
from facts.vip import ServedAddresses, VirtualAddresses
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again
from operations.util.reading import read
from operations.util.said import said


@operation()
@looks_again
def service(cluster: Cluster) -> Commands:
    """
    Let a host of HAProxy take part in keeping the virtual addresses. Where none are to be kept here any more, what an
    earlier run installed is stopped and removed, and the addresses go with it; another keepalived is left alone. One
    whose addresses members are to take is left for ``give_up``.

    + cluster: as declared; hosts without the role haproxy are left alone
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
    elif is_wanted(cluster, node):
        yield from apply_component(keepalived_component(cluster, node))
    elif _passes_on(cluster, node):
        host.noop("members take over what it keeps")
    else:
        yield from remove_component(COMPONENT, cluster, node)


@operation()
@looks_again
def give_up(cluster: Cluster, *, having: bool) -> Commands:
    """
    Let HAProxy's hosts give their addresses to the members, once PostgreSQL on all of them listens there. Only in mode
    leader: there a member asks the network before it takes one, so that it never has it beside a host of HAProxy.

    + cluster: as declared
    + having: of hosts that have an address; those that have none come before, or they would take it, too
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles or not _passes_on(cluster, node):
        host.noop("keepalived keeps no address for a member")
    elif waiting := _waiting(cluster):
        host.log(f"keepalived keeps the addresses until PostgreSQL listens on them on {', '.join(waiting)}")
        host.noop(f"`{RUN}/restart_pending.py`, then this run again, lets the members have them")
    elif _has_addresses(cluster) and not having:
        host.noop("it has an address, and gives it up when no other host of HAProxy would take it")
    else:
        yield from remove_component(COMPONENT, cluster, node)


def _passes_on(cluster: Cluster, node: Node) -> bool:
    """Whether a keepalived of ours is still here, and members are to have the addresses that it keeps."""
    if cluster.settings.vip_mode != "leader":
        return False
    seen = said(HostComponent, paths=list(COMPONENT.owns(cluster, node)), units={})
    return seen["paths"][COMPONENT.mark] is not None


def _waiting(cluster: Cluster) -> list[str]:
    """The members on which PostgreSQL does not listen on all of the addresses; of a silent one nothing is known."""
    wanted = _wanted(cluster)
    served = read(cluster.members, ServedAddresses, addresses=wanted, port=cluster.settings.postgres_port)
    return [name for name, found in served.items() if found is not None and set(wanted) - set(found)]


def _has_addresses(cluster: Cluster) -> bool:
    return bool(host.get_fact(VirtualAddresses, addresses=_wanted(cluster)))


def _wanted(cluster: Cluster) -> list[str]:
    return [str(address) for address in addresses_on_members(cluster)]
