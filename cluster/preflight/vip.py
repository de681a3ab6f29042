"""Virtual addresses that hosts cannot have: on no interface, outside of its networks, or somebody else's already."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.components.bgp import CONFIGURATION as FRR
from cluster.components.keepalived import CONFIGURATION
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import VirtualAddress, addresses_on_members, vip_hosts, virtual_addresses
from cluster.findings import Finding

Picture = Mapping[str, Any]


def virtual_question(cluster: Cluster) -> dict[str, Any]:
    """The argument of ``HostPicture`` for virtual addresses. Asked of all hosts: the mode may just have changed."""
    listed = [str(one.address) for one in virtual_addresses(cluster)]
    return {"vips": listed} if listed else {}


def vip_findings(
    cluster: Cluster, reached: Mapping[str, Picture], pictures: Mapping[str, Picture | None]
) -> Iterator[Finding]:
    """
    What is wrong with the addresses on the hosts that may have them.

    + reached: ``HostPicture`` by name of the hosts to be judged; + pictures: of all hosts, None for a silent one
    """
    for node in vip_hosts(cluster):
        seen = reached.get(node.name, {}).get("virtual")
        # Routers lead to an announced address; it is on no network of the host's.
        if seen is not None and cluster.settings.vip_mode != "bgp":
            yield from _on_host(cluster, node, seen)
        if seen is not None and cluster.settings.vip_mode == "haproxy" and seen["foreign_keepalived"]:
            yield _foreign_keepalived(node)
        if seen is not None and cluster.settings.vip_mode == "bgp" and seen["foreign_frr"]:
            hint = "Let another host announce what it does, and remove FRR here; or choose another vip_mode."
            yield Finding(node.name, "vip_mode", f"bgp: the host has an FRR that is none of ours, {FRR}", hint)
        if seen is not None:
            yield from _unheard(cluster, node, seen)
    for one, name, mac in strangers(cluster, pictures):
        if name in reached:
            problem = f"{one.address} is in use: {name} hears {mac} answer there, which is no host of {cluster.name}"
            hint = (
                "Name a free address, or take it from that machine. If it gave it up just now: "
                f"`ip neigh flush to {one.address}` on {name}."
            )
            yield Finding(name, one.setting, problem, hint)


def _on_host(cluster: Cluster, node: Node, seen: Picture) -> Iterator[Finding]:
    name = interface_of(node, seen)
    if name is None:
        return  # the address for clients is nowhere, which has a finding of its own
    if name not in seen["interfaces"]:
        there = own_interface(node, seen)
        known = f"{node.client_address} is on {there}" if there else f"there are {', '.join(seen['interfaces'])}"
        hint = f"Declare vip_interface = {there!r} for it." if there else "`ip -br address` there shows them."
        yield Finding(node.name, "vip_interface", f"{name} is no interface of the host: {known}", hint)
        return
    networks = [ipaddress.ip_interface(text).network for text in seen["interfaces"][name]["networks"]]
    # The address itself, where the host has it already.
    wide = [network for network in networks if network.prefixlen < network.max_prefixlen]
    for one in virtual_addresses(cluster):
        if not any(one.address.ip in network for network in wide):
            yield _outside(node, one, name, wide)


def _unheard(cluster: Cluster, node: Node, seen: Picture) -> Iterator[Finding]:
    """PostgreSQL listens on the addresses from its start on, when another host may have them."""
    if "*" in cluster.settings.postgres_listen:
        return
    for family in dict.fromkeys(f"ipv{address.ip.version}" for address in addresses_on_members(cluster)):
        if seen["nonlocal"].get(family) == "0":
            setting = f"net.{family}.ip_nonlocal_bind"
            problem = f"{setting} is 0 and the host may not set it, so PostgreSQL could not listen on virtual addresses"
            hint = f"Set {setting}=1 where this container is made, or declare postgres_listen = ['*']."
            yield Finding(node.name, "vip_mode", problem, hint)


def _foreign_keepalived(node: Node) -> Finding:
    hint = f"Move what it keeps to another host, then remove its file: `rm {CONFIGURATION}`; or set vip_mode to none."
    return Finding(
        node.name, "vip_mode", f"haproxy: the host has a keepalived that is none of ours, {CONFIGURATION}", hint
    )


def _outside(node: Node, one: VirtualAddress, name: str, networks: list[Any]) -> Finding:
    listed = ", ".join(str(network) for network in networks if not network.is_link_local) or "none"
    problem = f"{one.address} is in no network of {name}, which has {listed}"
    hint = "Name an address of one of these, or another vip_interface: neighbours find it on its own network alone."
    return Finding(node.name, one.setting, problem, hint)


def interface_of(node: Node, seen: Picture) -> str | None:
    """The interface that gets a host's virtual addresses; None where that is not known. + seen: ``virtual``"""
    return node.settings.vip_interface or own_interface(node, seen)


def own_interface(node: Node, seen: Picture) -> str | None:
    """The interface that has the address for clients. + seen: ``virtual``"""
    return next((name for name, one in seen["interfaces"].items() if _has(one, node.client_address)), None)


def _has(interface: Picture, address: Address) -> bool:
    return any(ipaddress.ip_interface(text).ip == address.ip for text in interface["networks"])


def strangers(cluster: Cluster, pictures: Mapping[str, Picture | None]) -> Iterator[tuple[VirtualAddress, str, str]]:
    """
    Who answers at a virtual address and is no host of the cluster: the address, who hears it, and its MAC. Nobody can
    tell while a host is silent: it may be that one.

    + pictures: ``HostPicture`` by host name
    """
    seen = {name: picture["virtual"] for name, picture in pictures.items() if picture and "virtual" in picture}
    if len(seen) < len(pictures):
        return
    ours = {one["mac"].lower() for virtual in seen.values() for one in virtual["interfaces"].values()}
    for address in virtual_addresses(cluster):
        heard = ((name, virtual["neighbours"].get(str(address.address))) for name, virtual in seen.items())
        foreign = ((name, mac) for name, mac in heard if mac is not None and mac.lower() not in ours)
        for name, mac in list(foreign)[:1]:
            yield address, name, mac
