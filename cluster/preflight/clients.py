"""Clients that would not get in again: they come to an address on which HAProxy, as declared, would listen no more."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.components.haproxy import client_addresses
from cluster.declared.model import Cluster, Node
from cluster.findings import Finding

Picture = Mapping[str, Any]


def cut_off_findings(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterator[Finding]:
    """
    Undeclared addresses at which clients are connected to an HAProxy that still listens on all that its host has.

    + reached: ``HostPicture`` by name of the hosts to be judged
    """
    for node in cluster.balancers:
        addresses = client_addresses(cluster, node)
        if addresses is not None and node.name in reached:
            yield from _cut_off(node, reached[node.name], {str(address) for address in addresses})


def _cut_off(node: Node, picture: Picture, kept: set[str]) -> Iterator[Finding]:
    everywhere = {one["port"] for one in picture["listening"] if ipaddress.ip_address(one["address"]).is_unspecified}
    ports: dict[str, set[int]] = {}
    for one in picture["sessions"]:
        address = ipaddress.ip_address(one["address"])
        if one["port"] in everywhere and not address.is_loopback and str(address) not in kept:
            ports.setdefault(str(address), set()).add(one["port"])
    for text in sorted(ports):
        yield _finding(node, text, sorted(ports[text]))


def _finding(node: Node, address: str, ports: Sequence[int]) -> Finding:
    problem = f"clients are connected to {address}, port {', '.join(map(str, ports))}, which is not declared"
    hint = (
        f"Add {address} to cluster_extra_names, or to this host's haproxy_listen together with its cluster_address; "
        "['*'] there opens all addresses. Otherwise these clients would not get in again."
    )
    return Finding(node.name, "haproxy_listen", problem, hint)
