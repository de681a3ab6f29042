"""The ports that labs publish are kept from the kernel, which lends high ones to outgoing connections."""

import os
from pathlib import Path

from tests.lab.spec import LAST_INDEX, PORT_BLOCK, Lab

# https://www.kernel.org/doc/html/latest/networking/ip-sysctl.html: ip_local_reserved_ports; until the next boot
RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
FIRST_LENT_PORT = 32768


def reserve_ports(reserved: Path = RESERVED) -> None:
    """
    Keep the ports of all labs free where we may: as root on Linux. A client's connection that sits on one of them would
    keep a host from being made; elsewhere it is waited for.
    """
    if not os.access(reserved, os.W_OK):
        return
    known = reserved.read_text().strip()
    missing = [one for one in lab_ranges() if one not in known.split(",")]
    if missing:
        reserved.write_text(",".join([*filter(None, [known]), *missing]))


def lab_ranges() -> list[str]:
    """The ranges of ports that labs publish and the kernel lends, such as ``35000-39908``."""
    return [f"{min(ports)}-{max(ports)}" for name in PORT_BLOCK if min(ports := _ports(name)) >= FIRST_LENT_PORT]


def _ports(name: str) -> list[int]:
    labs = (Lab("any", index) for index in range(LAST_INDEX + 1))
    return [port for lab in labs for port in lab.host(name).published_ports.values()]
