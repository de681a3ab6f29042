"""What is wrong with the virtual IP addresses of a cluster as declared."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.address import Address
from cluster.declared.model import Cluster
from cluster.declared.vip import ON_MEMBERS, renewal_seconds, vip_hosts, virtual_addresses
from cluster.findings import Finding


def vip_findings(cluster: Cluster, where: str) -> list[Finding]:
    """What is wrong with them as declared. + where: the file that declares the cluster's settings"""
    settings = cluster.settings
    declared = {"vip_write": settings.vip_write, "vip_read": settings.vip_read}
    if settings.vip_mode == "none":
        hint = "Set vip_mode to haproxy, leader or bgp (docs/addresses.md), or remove the addresses."
        used = [name for name, addresses in declared.items() if addresses]
        return [Finding(where, name, "is declared, and vip_mode is none: no host would have it", hint) for name in used]
    return [
        *_absent(cluster, where),
        *_twice(cluster, where),
        *_taken(cluster, where),
        *_without_hosts(cluster, where),
        *_families(cluster, where),
        *_interfaces(cluster, where),
        *_too_short(cluster, where),
    ]


def _absent(cluster: Cluster, where: str) -> Iterator[Finding]:
    if not cluster.settings.vip_write:
        problem = f"is empty, and vip_mode is {cluster.settings.vip_mode}: there is no address for the primary"
        yield Finding(where, "vip_write", problem, "Name a free address, as ['10.0.0.100'], or set vip_mode to none.")


def _twice(cluster: Cluster, where: str) -> Iterator[Finding]:
    seen: set[Address] = set()
    for one in virtual_addresses(cluster):
        if one.address in seen:
            hint = "Give each its own address; without vip_read, readers use HAProxy's port, or target_session_attrs."
            yield Finding(where, one.setting, f"{one.address} is declared twice", hint)
        seen.add(one.address)


def _taken(cluster: Cluster, where: str) -> Iterator[Finding]:
    owners = {
        address: f"the {setting} of {node.name}" for node in cluster for address, setting in node.addresses.items()
    }
    for one in virtual_addresses(cluster):
        if one.address in owners:
            problem = f"{one.address} is {owners[one.address]}"
            yield Finding(where, one.setting, problem, "Name an address that no host has of its own.")


def _without_hosts(cluster: Cluster, where: str) -> Iterator[Finding]:
    if not vip_hosts(cluster):
        mode = cluster.settings.vip_mode
        group = "haproxy" if mode == "haproxy" else "postgres"
        yield Finding(
            where, "vip_mode", f"is {mode}, and no host is in the group {group}", "Add one, or change the mode."
        )


def _families(cluster: Cluster, where: str) -> Iterator[Finding]:
    """keepalived speaks VRRP in the family of the hosts' addresses for clients, which a virtual one needs to have."""
    if cluster.settings.vip_mode != "haproxy":
        return
    versions = {node.client_address.ip.version for node in cluster.balancers}
    if not versions:
        return
    if len(versions) > 1:
        hint = "Give all of them a client_address of one family; without it clients use the cluster_address."
        yield Finding(where, "vip_mode", "haproxy: HAProxy's hosts have addresses for clients of both families", hint)
        return
    for use in ("write", "read"):
        own = [one.address for one in virtual_addresses(cluster) if one.use == use]
        if own and not versions & {address.ip.version for address in own}:
            family, other = ("IPv6", "IPv4") if own[0].ip.version == 6 else ("IPv4", "IPv6")
            problem = f"has {family} addresses alone, and the hosts of HAProxy reach each other by {other}"
            yield Finding(where, f"vip_{use}", problem, f"Add an {other} address to it, or change client_address.")


def _interfaces(cluster: Cluster, where: str) -> Iterator[Finding]:
    if cluster.settings.vip_mode == "haproxy":
        for node in cluster.balancers:
            if node.settings.vip_interface is None:
                hint = f"`ip -br address` on {node.name} shows which one has {node.client_address}: declare that."
                yield Finding(where, "vip_interface", f"of {node.name} is missing, which keepalived needs", hint)


def _too_short(cluster: Cluster, where: str) -> Iterator[Finding]:
    settings = cluster.settings
    least = settings.patroni_loop_wait + 1
    if settings.vip_mode in ON_MEMBERS and renewal_seconds(cluster) < least:
        floor = settings.patroni_ttl + least - renewal_seconds(cluster)
        problem = (
            f"{settings.patroni_ttl} is too short for vip_mode {settings.vip_mode}: an address that is renewed every "
            f"patroni_loop_wait = {settings.patroni_loop_wait} s has to end before the leader's key does"
        )
        yield Finding(where, "patroni_ttl", problem, f"Set it to at least {floor}, or shorten patroni_loop_wait.")
