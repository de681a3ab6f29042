"""The settings of BGP, by which members announce virtual IP addresses to routers."""

from __future__ import annotations

import ipaddress
import re

from pydantic import field_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import listed_problem

LARGEST_ASN = 4_294_967_295


class BgpSettings(Strict):
    """Announcements to routers, for vip_mode bgp."""

    bgp_asn: int | None = setting(
        None, "the number of the autonomous system of a member", per_host=True, ge=1, le=LARGEST_ASN
    )
    bgp_neighbors: dict[str, int] = setting(
        {}, "the routers of a member: address, v4 or v6, and number of its autonomous system", per_host=True
    )
    bgp_router_id: str | None = setting(
        None,
        "how a member names itself to routers, in the form of an IPv4 address; empty: cluster_address, or where that "
        "is IPv6, made from the host's name",
        per_host=True,
    )
    bgp_password_file: str | None = setting(
        None,
        "a file on the control machine, for its owner alone, with the password (TCP MD5) that the routers ask for",
        per_host=True,
    )
    bgp_bfd: bool = setting(
        True,
        "notice within a second that a router, or for it a member, is gone: BFD on UDP 3784; False where routers do "
        "none, for FRR 10 then opens no session",
    )
    bgp_hops: int = setting(
        1,
        "how many hops away routers of other autonomous systems may be; 1: on a network of the host itself",
        per_host=True,
        ge=1,
        le=255,
    )
    bgp_communities: list[str] = setting(
        [],
        "communities of what a member announces, such as 65000:100 for its zone, or large ones, such as 4200000000:1:2",
        per_host=True,
    )

    @field_validator("bgp_neighbors")
    @classmethod
    def _are_routers(cls, neighbors: dict[str, int]) -> dict[str, int]:
        refuse(listed_problem(neighbors, _address_problem))
        refuse(next((f"{n} is no number of an autonomous system" for n in neighbors.values() if not _is_asn(n)), None))
        return neighbors

    @field_validator("bgp_router_id")
    @classmethod
    def _is_router_id(cls, text: str | None) -> str | None:
        refuse(None if text is None or _is_ipv4(text) else f"{text!r} is not of the form 10.0.0.1")
        return text

    @field_validator("bgp_communities")
    @classmethod
    def _are_communities(cls, communities: list[str]) -> list[str]:
        refuse(listed_problem(communities, _community_problem))
        return communities


def _is_asn(number: int) -> bool:
    return 1 <= number <= LARGEST_ASN


def _is_ipv4(text: str) -> bool:
    try:
        return int(ipaddress.IPv4Address(text)) > 0
    except ValueError:
        return False


def _address_problem(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "is no address of a router"
    unfit = address.is_multicast or address.is_unspecified or address.is_loopback or getattr(address, "scope_id", None)
    return "is no address of a router" if unfit else None


def _community_problem(text: str) -> str | None:
    """RFC 1997, two numbers of 16 bits; or RFC 8092, three of 32 bits."""
    parts = text.split(":") if re.fullmatch(r"\d{1,10}(:\d{1,10}){1,2}", text) else []
    largest = 65535 if len(parts) == 2 else 2**32 - 1
    fits = parts and all(int(part) <= largest for part in parts)
    return None if fits else "is no community such as 65000:100 or 4200000000:1:2"
