"""The settings of virtual IP addresses: where clients find the primary and the replicas, whoever that is now."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import field_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import host_address_problem, listed_problem

# How long a host keeps an address that nobody renews there: the kernel itself takes it away then.
LEASE_SECONDS = 4


class VipSettings(Strict):
    """Virtual IP addresses."""

    vip_mode: Literal["none", "haproxy", "leader", "bgp"] = setting(
        "none",
        "haproxy: keepalived keeps the addresses on one host of HAProxy; leader: they follow the primary on its "
        "network; bgp: members announce them to routers; see docs/addresses.md",
    )
    vip_write: list[str] = setting([], "addresses, v4 and v6, at which clients reach the primary")
    vip_read: list[str] = setting([], "addresses, v4 and v6, at which clients reach a replica")
    vip_read_fallback: Literal["primary", "none"] = setting(
        "primary", "who has vip_read while no replica fits: the primary, or no host; of the modes leader and bgp"
    )
    vip_read_max_lag_mib: int = setting(
        64, "MiB of WAL that a replica with vip_read may lag behind; of the modes leader and bgp", ge=1
    )
    vip_interface: str | None = setting(
        None,
        "the network interface that gets the addresses; empty: the one with client_address; vip_mode haproxy needs it",
        per_host=True,
        pattern=r"^[A-Za-z0-9_.-]{1,15}$",
    )
    vip_router_id: int | None = setting(
        None,
        "VRRP's number of vip_write on its network, vip_read has the next one; empty: from cluster_name",
        ge=1,
        le=254,
    )

    @field_validator("vip_write", "vip_read")
    @classmethod
    def _are_addresses(cls, addresses: list[str]) -> list[str]:
        refuse(listed_problem(addresses, _problem))
        return addresses


def _problem(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return "is no address: name it without a prefix length, as 10.0.0.100"
    return host_address_problem(text)
