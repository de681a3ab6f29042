"""
Virtual IP addresses in the kernel, with a lifetime: one that is not renewed is taken away by the kernel itself,
whatever becomes of those who put it there. Over netlink, because to start a program takes time between verdict and
deed. Standard library only.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

# linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE, NLM_F_DUMP = 0x1, 0x4, 0x100, 0x400, 0x300
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
NLMSG_ERROR, NLMSG_DONE = 2, 3
IFA_ADDRESS, IFA_LOCAL, IFA_CACHEINFO, IFA_FLAGS = 1, 2, 6, 8
IFA_F_NODAD = 0x02
ANSWER_BYTES = 65536


def renew(address: str, interface: str, seconds: int) -> None:
    """Put an address on an interface, or renew it there. + seconds: for which the kernel keeps it"""
    # Never the source of a connection that the host itself opens: deprecated from the beginning.
    lifetime = _attribute(IFA_CACHEINFO, struct.pack("=IIII", 0, seconds, 0, 0))
    flags = _attribute(IFA_FLAGS, struct.pack("=I", IFA_F_NODAD))
    _ask(RTM_NEWADDR, NLM_F_REPLACE | NLM_F_CREATE, _body(address, interface) + lifetime + flags)


def drop(address: str, interface: str) -> bool:
    """Take an address away. Returns whether it was there."""
    try:
        _ask(RTM_DELADDR, 0, _body(address, interface))
    except OSError:  # it is not there, or the interface is not
        return False
    return True


def interface_of(address: str) -> str | None:
    """The interface that has an address of this host; None: none has."""
    wanted = ipaddress.ip_address(address)
    for found, index in _addresses():
        if found == wanted:
            return socket.if_indextoname(index)
    return None


def _body(address: str, interface: str) -> bytes:
    ip = ipaddress.ip_address(address)
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    head = struct.pack("=BBBBI", family, ip.max_prefixlen, 0, 0, socket.if_nametoindex(interface))
    return head + _attribute(IFA_LOCAL, ip.packed) + _attribute(IFA_ADDRESS, ip.packed)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body


def _ask(kind: int, flags: int, body: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(2)
        kernel.send(_message(kind, flags | NLM_F_ACK, body))
        answer = kernel.recv(ANSWER_BYTES)
    error = -struct.unpack_from("=i", answer, 16)[0]
    if error:
        raise OSError(error, os.strerror(error))


def _addresses() -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Every address of this host, with the number of its interface."""
    found: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(2)
        kernel.send(_message(RTM_GETADDR, NLM_F_DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)))
        while True:
            answer, at = kernel.recv(ANSWER_BYTES), 0
            while at < len(answer):
                length, kind = struct.unpack_from("=IH", answer, at)
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    return found
                found += _address(answer[at : at + length])
                at += -(-length // 4) * 4


def _address(message: bytes) -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    index, at, values = struct.unpack_from("=I", message, 20)[0], 24, {}
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        values[kind] = message[at + 4 : at + length]
        at += -(-length // 4) * 4
    packed = values.get(IFA_LOCAL, values.get(IFA_ADDRESS))
    return [] if packed is None else [(ipaddress.ip_address(packed), index)]
