"""The address of a line of pg_hba: a network, a host's name, or a keyword."""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
# A network, or what is compared as text: a keyword, the name of a host, a domain with a dot in front.
Where: TypeAlias = Network | str

KEYWORDS = ("all", "samehost", "samenet")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"\.?{_LABEL}(?:\.{_LABEL})*\.?")
# The C library takes 10.1 and 0x7f000001 for addresses.
_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def address_of(text: str) -> tuple[Where, bool]:
    """
    What an address means, and whether it stands alone: then its mask has to be the next word.

    Raises ValueError with the reason, which goes on after "line '...'".
    """
    if text in KEYWORDS:
        return text, False
    plain, slash, bits = text.partition("/")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return _name(text), False
    if "%" in plain:
        raise ValueError(f"has the address {text} with an interface, which is another one on each host")
    if not slash:
        return ipaddress.ip_network(address), True
    if not re.fullmatch(r"[0-9]{1,3}", bits) or int(bits) > address.max_prefixlen:
        raise ValueError(f"has the address {text}, and a mask is 0 to {address.max_prefixlen}")
    return ipaddress.ip_network(f"{plain}/{int(bits)}", strict=False), False


def mask_of(text: str, mask: str) -> Network:
    """The network of an address and a mask in two words. + text: an address; raises ValueError as ``address_of``"""
    address = ipaddress.ip_address(text)
    try:
        given = ipaddress.ip_address(mask)
    except ValueError:
        raise ValueError(
            f"has the address {text} without a mask; {text}/{address.max_prefixlen} is this one address"
        ) from None
    ones = f"{int(given):0{given.max_prefixlen}b}".rstrip("0")
    if given.version != address.version or "0" in ones or "%" in mask:
        raise ValueError(f"has the address {text} with {mask}, which is no mask of it")
    return ipaddress.ip_network(f"{text}/{len(ones)}", strict=False)


def _name(text: str) -> str:
    last = text.rstrip(".").rpartition(".")[2]
    if len(text) > 253 or not _HOST.fullmatch(text) or _NUMERIC.fullmatch(last):
        raise ValueError(f"has the address {text!r}, which is neither one nor the name of a host")
    return text.lower()
