"""Clients that would not get in again: they come to an address on which HAProxy, as declared, would listen no more."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cluster.components.haproxy import client_addresses
from cluster.declared.model import Cluster, Node
from cluster.findings import Finding
from cluster.preflight.ports import listens

Picture = Mapping[str, Any]


def cut_off_findings(
    cluster: Cluster, reached: Mapping[str, Picture], moving: Collection[str] = ()
) -> Iterator[Finding]:
    """
    Undeclared addresses at which clients are connected to an HAProxy that still listens there.

    + reached: ``HostPicture`` by name of the hosts to be judged
    + moving: names of hosts whose address this run changes on purpose
    """
    for node in (one for one in cluster.balancers if one.name not in moving):
        addresses = client_addresses(cluster, node)
        if addresses is not None and node.name in reached:
            yield from _cut_off(node, reached[node.name], {str(address) for address in addresses})


def _cut_off(node: Node, picture: Picture, kept: set[str]) -> Iterator[Finding]:
    ports: dict[str, set[int]] = {}
    for one in picture["sessions"]:
        address = ipaddress.ip_address(one["address"])
        if listens(picture, str(address), one["port"]) and not address.is_loopback and str(address) not in kept:
            ports.setdefault(str(address), set()).add(one["port"])
    for text in sorted(ports):
        yield _finding(node, text, sorted(ports[text]))


def _finding(node: Node, address: str, ports: Sequence[int]) -> Finding:
    problem = f"clients are connected to {address}, port {', '.join(map(str, ports))}, which is not declared"
    hint = (
        f"Add {address} to cluster_extra_names, or to this host's haproxy_listen together with its client_address; "
        "['*'] there opens all addresses. Otherwise these clients would not get in again."
    )
    return Finding(node.name, "haproxy_listen", problem, hint)
