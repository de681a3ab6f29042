"""Hosts whose firewall, as declared, would shut out the machine that asks for it, or that cannot have one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.components.firewall.rules import is_wanted
from cluster.declared.model import Cluster, Node
from cluster.findings import Finding
from cluster.observed.firewall import SeenAccess

Picture = Mapping[str, Any]


def locked_out_findings(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterator[Finding]:
    """
    What has to be right before any rule is loaded; a run proves later that it is.

    + reached: ``HostPicture`` by name of the hosts to be judged
    """
    for name, picture in reached.items() if is_wanted(cluster) else ():
        access: SeenAccess | None = picture["access"]
        if access is not None:
            yield from _capability(name, access)
            yield from _source(cluster, cluster.node(name), access)


def _capability(name: str, access: SeenAccess) -> Iterator[Finding]:
    if not access["may_filter"]:
        hint = 'Give the container CAP_NET_ADMIN, or set firewall_mode = "off" and use the firewall of its host.'
        yield Finding(name, "firewall_mode", "the host may not have a firewall: it lacks CAP_NET_ADMIN", hint)


def _source(cluster: Cluster, node: Node, access: SeenAccess) -> Iterator[Finding]:
    source, port = access["source"], access["port"]
    if source is None or port is None:
        return
    networks = cluster.settings.firewall_ssh_networks
    if not any(_holds(network, source) for network in networks):
        problem = f"this machine comes to the host from {source}, which is in none of {', '.join(networks)}"
        yield Finding(node.name, "firewall_ssh_networks", problem, f"Add {source} or its network: ssh would be closed.")
    if port != node.settings.firewall_ssh_port:
        problem = f"this machine comes to port {port} of the host, and {node.settings.firewall_ssh_port} would be open"
        yield Finding(node.name, "firewall_ssh_port", problem, f"Set firewall_ssh_port = {port}: ssh would be closed.")


def _holds(network: str, source: str) -> bool:
    address = ipaddress.ip_address(source)
    mapped = getattr(address, "ipv4_mapped", None)  # as a socket for both kinds has it
    return (mapped or address) in ipaddress.ip_network(network)
