"""One type for an IP address, v4 or v6, that prints itself the way each consumer wants it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Address:
    """An IP address of a host. ``str()`` is the plain form that libpq, certificates and PostgreSQL want."""

    text: str

    def __post_init__(self) -> None:
        # One spelling for one address: fd82:0::11 and FD82::11 are equal, and configuration files never differ by it.
        object.__setattr__(self, "text", str(ipaddress.ip_address(self.text)))

    def __str__(self) -> str:
        return self.text

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        """The address as the standard library has it, e.g. for a certificate."""
        return ipaddress.ip_address(self.text)

    @property
    def bracketed(self) -> str:
        """As URLs and haproxy.cfg want it: an IPv6 address in brackets."""
        return f"[{self.text}]" if self.ip.version == 6 else self.text

    @property
    def loopback(self) -> str:
        """The loopback address of the same family."""
        return "::1" if self.ip.version == 6 else "127.0.0.1"

    @property
    def hba(self) -> str:
        """This one address as pg_hba.conf wants it."""
        return f"{self.text}/{self.ip.max_prefixlen}"

    def endpoint(self, port: int) -> str:
        """``address:port`` with brackets where they are needed."""
        return f"{self.bracketed}:{port}"

    def url(self, port: int, scheme: str = "https") -> str:
        """The base URL of a service on this address."""
        return f"{scheme}://{self.endpoint(port)}"


def is_address(text: str) -> bool:
    """Whether a text is an IP address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def addresses_within(network: str, observed: Iterable[str]) -> list[Address]:
    """
    Those of a host's addresses that lie in a network. More than one is for the caller to refuse, never to choose from.

    + network: a CIDR, e.g. ``10.0.0.0/24``
    + observed: the addresses on the host's interfaces
    """
    cidr = ipaddress.ip_network(network)
    return [Address(text) for text in observed if ipaddress.ip_address(text) in cidr]
