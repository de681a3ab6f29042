"""
Whether somebody on the network has an address, and word to all that this host has it now: ARP for IPv4 (RFC 5227),
neighbour discovery for IPv6 (RFC 4861). Standard library only.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import struct
import time
from pathlib import Path

ETHERTYPE_ARP, REQUEST = 0x0806, 1
SOLICITATION, ADVERTISEMENT, SOURCE_LINK, TARGET_LINK, OVERRIDE = 135, 136, 1, 2, 0x20000000
BROADCAST = b"\xff" * 6
ALL_NODES = "ff02::1"
# An answer on one network takes a millisecond; a busy host's kernel some more.
PROBES, PROBE_SECONDS = 2, 0.15
MOST_FRAMES = 1000  # on a network that never falls silent


def hardware_address(interface: str) -> bytes:
    """The MAC address of an interface."""
    return bytes.fromhex((Path("/sys/class/net") / interface / "address").read_text().strip().replace(":", ""))


def answered(address: str, interface: str) -> str | None:
    """Who has an address, by its MAC address as text; None: nobody answered. + interface: on whose network"""
    return _answered6(address, interface) if ":" in address else _answered4(address, interface)


def announce(address: str, interface: str) -> None:
    """Tell the network that this host has an address."""
    if ":" in address:
        with _socket6(interface) as network:
            network.sendto(advertisement(address, hardware_address(interface)), (ALL_NODES, 0))
        return
    with _socket4(interface) as network:
        network.send(arp_request(address, hardware_address(interface), sender=address))


def arp_request(address: str, mac: bytes, sender: str = "0.0.0.0") -> bytes:
    """An Ethernet frame that asks who has an address. + sender: unspecified: a probe; the address: an announcement"""
    who = mac + ipaddress.IPv4Address(sender).packed
    asked = bytes(6) + ipaddress.IPv4Address(address).packed
    return BROADCAST + mac + struct.pack("!HHHBBH", ETHERTYPE_ARP, 1, 0x0800, 6, 4, REQUEST) + who + asked


def arp_owner(frame: bytes, address: str, mac: bytes) -> str | None:
    """The MAC address of another host which says by this frame that it has the address; None: it does not."""
    sender, owner = frame[28:32], frame[22:28]
    if len(frame) < 42 or sender != ipaddress.IPv4Address(address).packed or owner == mac:
        return None
    return owner.hex(":")


def solicitation(address: str, mac: bytes) -> bytes:
    """The ICMPv6 message that asks who has an address. The kernel fills in its checksum."""
    head = struct.pack("!BBHI", SOLICITATION, 0, 0, 0)
    return head + ipaddress.IPv6Address(address).packed + struct.pack("!BB", SOURCE_LINK, 1) + mac


def advertisement(address: str, mac: bytes) -> bytes:
    """The ICMPv6 message, unsolicited, that this host has an address; it replaces what others have noted."""
    head = struct.pack("!BBHI", ADVERTISEMENT, 0, 0, OVERRIDE)
    return head + ipaddress.IPv6Address(address).packed + struct.pack("!BB", TARGET_LINK, 1) + mac


def advertised(message: bytes, address: str, mac: bytes) -> str | None:
    """The MAC address of another host which says by this ICMPv6 message that it has the address; None: it does not."""
    if message[:1] != bytes([ADVERTISEMENT]) or message[8:24] != ipaddress.IPv6Address(address).packed:
        return None
    owner = message[26:32]
    return None if owner == mac else owner.hex(":")


def _answered4(address: str, interface: str) -> str | None:
    mac = hardware_address(interface)
    with _socket4(interface) as network:
        for _ in range(PROBES):
            network.send(arp_request(address, mac))
            for frame in _received(network):
                if owner := arp_owner(frame, address, mac):
                    return owner
    return None


def _answered6(address: str, interface: str) -> str | None:
    packed = ipaddress.IPv6Address(address).packed
    group = str(ipaddress.IPv6Address(ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + packed[13:]))
    mac = hardware_address(interface)
    with _socket6(interface) as network:
        for _ in range(PROBES):
            network.sendto(solicitation(address, mac), (group, 0))
            for message in _received(network):
                if owner := advertised(message, address, mac):
                    return owner
    return None


def _socket4(interface: str) -> socket.socket:
    network = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_ARP))
    network.bind((interface, ETHERTYPE_ARP))
    return network


def _socket6(interface: str) -> socket.socket:
    network = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    number = socket.if_nametoindex(interface)
    network.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, number)
    network.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)  # this host has no need to answer itself
    for hops in (socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS):  # others are not believed, RFC 4861
        network.setsockopt(socket.IPPROTO_IPV6, hops, 255)
    return network


def _received(network: socket.socket) -> list[bytes]:
    """What arrives while an answer may be on its way. On a busy host it has arrived, and this program comes late."""
    found: list[bytes] = []
    end = time.monotonic() + PROBE_SECONDS
    while select.select([network], [], [], max(0.0, end - time.monotonic()))[0] and len(found) < MOST_FRAMES:
        found.append(network.recv(2048))
    return found
