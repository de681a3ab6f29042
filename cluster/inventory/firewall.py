"""A firewall that would keep out who is let in: clients whose networks nobody declares."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.components.firewall.rules import is_wanted
from cluster.declared.client_networks import client_networks, lines_without_network
from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.settings.hba_grammar import shown

_SETTING = "firewall_client_networks"


def firewall_findings(cluster: Cluster, where: str) -> Iterator[Finding]:
    """What a firewall would need to know of the clients, and nothing tells. + where: the file that declares it"""
    settings = cluster.settings
    if not is_wanted(cluster) or settings.firewall_client_networks:
        return
    for line in lines_without_network(settings):
        problem = f"is empty, and the line {shown(line)} of postgres_hba names clients without a network"
        yield Finding(where, _SETTING, problem, "Set it to the networks of all clients.")
    if not client_networks(settings) and not lines_without_network(settings):
        problem = "is empty, and postgres_hba lets in no network: no client would reach the cluster"
        hint = "Set it to the networks of the clients; to that of the hosts where they alone are clients."
        yield Finding(where, _SETTING, problem, hint)
