"""The settings of the cluster as a whole, and of each host in it."""

from __future__ import annotations

import ipaddress

from pydantic import field_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import host_address_problem


class ClusterSettings(Strict):
    """Which hosts form a cluster, and their addresses."""

    cluster_name: str = setting(
        "main",
        "the name of the cluster: Patroni's scope, the directory of its secrets; hosts with one name form one cluster",
        per_host=True,
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
    )
    cluster_address: str | None = setting(
        None, "the address, v4 or v6, at which the other hosts of the cluster reach this host", per_host=True
    )
    cluster_network: str | None = setting(
        None, "a network such as 10.0.0.0/24: a host without cluster_address uses its one address in it"
    )
    client_address: str | None = setting(
        None,
        "the address at which clients reach HAProxy and PostgreSQL on this host; empty: cluster_address",
        per_host=True,
    )
    client_network: str | None = setting(
        None, "a network: a host of HAProxy or PostgreSQL without client_address uses its one address in it"
    )
    backup_address: str | None = setting(
        None,
        "the address at which members and the repository host reach pgBackRest on this host; empty: cluster_address",
        per_host=True,
    )
    backup_network: str | None = setting(
        None, "a network: a member, or the repository host, without backup_address uses its one address in it"
    )
    cluster_extra_names: list[str] = setting(
        [], "further DNS names and addresses that clients use (a VIP, an alias), for the certificates"
    )
    cluster_published_ports: dict[int, int] = setting(
        {}, "port: port on the control machine's loopback, for hosts behind NAT such as containers", per_host=True
    )

    @field_validator("cluster_address", "client_address", "backup_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_address(value)
            refuse(host_address_problem(value))
        return value

    @field_validator("cluster_network", "client_network", "backup_network")
    @classmethod
    def _network(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_network(value)
        return value
