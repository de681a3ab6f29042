"""The virtual IP addresses of a cluster: which there are, what each is for, and who may have them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.settings.vip import LEASE_SECONDS

Use: TypeAlias = Literal["write", "read"]

# A round of Patroni's takes longer than loop_wait, and the kernel counts whole seconds.
SLACK_SECONDS = 2

# Modes in which the members themselves have the addresses, and PostgreSQL listens on them.
ON_MEMBERS = ("leader", "bgp")


@dataclass(frozen=True)
class VirtualAddress:
    """One virtual IP address. + use: ``write``: it leads to the primary; ``read``: to a replica"""

    address: Address
    use: Use

    @property
    def setting(self) -> str:
        """The setting that declares it."""
        return f"vip_{self.use}"


def virtual_addresses(cluster: Cluster) -> tuple[VirtualAddress, ...]:
    """All of them, those for writing first; none where ``vip_mode`` is none."""
    settings = cluster.settings
    if settings.vip_mode == "none":
        return ()
    return (
        *(VirtualAddress(Address(text), "write") for text in settings.vip_write),
        *(VirtualAddress(Address(text), "read") for text in settings.vip_read),
    )


def vip_hosts(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts that may have the addresses."""
    return {"none": (), "haproxy": cluster.balancers}.get(cluster.settings.vip_mode, cluster.members)


def addresses_on_members(cluster: Cluster) -> tuple[Address, ...]:
    """Those on which PostgreSQL listens."""
    return _addresses(cluster) if cluster.settings.vip_mode in ON_MEMBERS else ()


def addresses_on_balancers(cluster: Cluster) -> tuple[Address, ...]:
    """
    Those on which HAProxy listens, whoever has them: keepalived keeps them until PostgreSQL listens there, and where
    HAProxy is on the members, clients of its ports need not notice that the mode has changed.
    """
    return _addresses(cluster)


def _addresses(cluster: Cluster) -> tuple[Address, ...]:
    return tuple(one.address for one in virtual_addresses(cluster))


def router_id(cluster: Cluster, use: Use) -> int:
    """VRRP's number of the addresses for one use: as declared, or from the cluster's name, the same on all hosts."""
    first = cluster.settings.vip_router_id or 1 + zlib.crc32(cluster.name.encode()) % 254
    return first + (use == "read")


def renewal_seconds(cluster: Cluster) -> int:
    """
    How old Patroni's last contact with etcd may be for a member to renew its address. A lease that was renewed at this
    age ends before the leader's key can expire, which Patroni renewed at that contact or, where that failed, one round
    before: so no other member leads while it lasts.
    """
    settings = cluster.settings
    return settings.patroni_ttl - settings.patroni_loop_wait - LEASE_SECONDS - SLACK_SECONDS


def listened(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """
    Where PostgreSQL listens on a member: on the virtual addresses, too, which the host need not have at that moment.
    """
    declared = cluster.settings.postgres_listen
    if "*" in declared:
        return tuple(declared)
    own = declared or [str(node.address), str(node.client_address), node.address.loopback]
    return tuple(dict.fromkeys([*own, *map(str, addresses_on_members(cluster))]))
