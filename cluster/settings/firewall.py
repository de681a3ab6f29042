"""The settings of the firewall on the hosts."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import listed_problem, network_problem, opening_problem

ANYWHERE = ["0.0.0.0/0", "::/0"]


class FirewallSettings(Strict):
    """The firewall on the hosts, and from where people and clients come; see docs/firewall.md."""

    firewall_mode: Literal["off", "nftables"] = setting(
        "off", "nftables: hosts accept only what their services need, from where they need it; off: no firewall of ours"
    )
    firewall_ssh_networks: list[str] = setting(
        ANYWHERE, "networks from which ssh is accepted; the machine that runs this must be in one of them", min_length=1
    )
    firewall_ssh_port: int = setting(22, "the port of the hosts' sshd", ge=1, le=65535, per_host=True)
    firewall_client_networks: list[str] = setting(
        [],
        "networks from which clients connect to HAProxy and PostgreSQL; empty: those that the lines of postgres_hba "
        "let in",
    )
    firewall_monitoring_networks: list[str] = setting(
        [], "networks from which people and scrapers connect to Patroni's REST API and HAProxy's statistics"
    )
    firewall_other_ports: list[str] = setting(
        [],
        "ports of services that are not the cluster's, such as '9100/tcp 10.0.0.0/8' or '161/udp'; without a network "
        "they are open to all",
        per_host=True,
    )

    @field_validator("firewall_ssh_networks", "firewall_client_networks", "firewall_monitoring_networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        refuse(listed_problem(networks, network_problem))
        return networks

    @field_validator("firewall_other_ports")
    @classmethod
    def _are_openings(cls, openings: list[str]) -> list[str]:
        refuse(listed_problem(openings, opening_problem))
        return openings
