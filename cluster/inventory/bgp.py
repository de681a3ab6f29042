"""What is wrong with BGP as declared."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cluster.components.bgp import router_id
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import virtual_addresses
from cluster.findings import Finding


def bgp_findings(cluster: Cluster, where: str) -> list[Finding]:
    """What members lack that are to announce addresses. + where: the file that declares the cluster's settings"""
    if cluster.settings.vip_mode != "bgp":
        return []
    of_members = (finding for node in cluster.members for finding in _of_member(cluster, node, where))
    return [*of_members, *_twins(cluster, where)]


def _of_member(cluster: Cluster, node: Node, where: str) -> Iterator[Finding]:
    settings = node.settings
    if settings.bgp_asn is None:
        hint = "Declare the number of its autonomous system, as its routers have it, e.g. bgp_asn = 65001."
        yield Finding(where, "bgp_asn", f"of {node.name} is missing", hint)
    if not settings.bgp_neighbors:
        hint = "Declare its routers with their numbers, as {'10.0.0.1': 65000}."
        yield Finding(where, "bgp_neighbors", f"of {node.name} is empty, so it would announce to no router", hint)
        return
    spoken = {ipaddress.ip_address(text).version for text in settings.bgp_neighbors}
    for one in virtual_addresses(cluster):
        if one.address.ip.version not in spoken:
            problem = f"of {node.name} has no router that speaks IPv{one.address.ip.version}, as {one.address} needs"
            yield Finding(where, "bgp_neighbors", problem, f"Add one, or remove the address from {one.setting}.")
    hosts = {address.ip: host.name for host in cluster for address in host.addresses}
    for text in settings.bgp_neighbors:
        if (name := hosts.get(ipaddress.ip_address(text))) is not None:
            yield Finding(where, "bgp_neighbors", f"of {node.name} has {text}, which is {name}", "Name a router.")


def _twins(cluster: Cluster, where: str) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for node in cluster.members:
        own = router_id(node)
        if own in seen:
            problem = f"{own} is that of {seen[own]} and of {node.name}: a router would take one of them for the other"
            yield Finding(where, "bgp_router_id", problem, "Give each member one of its own.")
        seen.setdefault(own, node.name)
