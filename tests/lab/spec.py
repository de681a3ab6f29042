"""What a lab is: names, addresses and ports, as pure functions of its name and index."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.lab.errors import LabError

LABEL = "pyinfra-patroni.lab"
DEFAULT_LAB = "lab"
RELEASES = {"trixie": 17, "bookworm": 15}  # and the PostgreSQL that each one packages
FLAVOURS = ("packaged", "bare")
DEFAULT_HOSTS = ("pg1", "pg2", "pg3", "backup1")

# Networks beside the lab's own, which a host may be in as well, and the second octet of their addresses.
NETWORKS = {"client": 83, "backup": 84}

# From 20 on, one lab's port 5000 would be another's 7000: both move by 100 an index.
LAST_INDEX = 19

FIRST_OCTET = {"pg": 10, "backup": 20, "etcd": 30, "haproxy": 40, "monitor": 90}
MOVED = 40  # ssh ports of one lab end before the next one's begin
HAPROXY_PORTS = (5000, 5001, 5002, 5003, 5004, 7000)
MEMBER_PORTS = (5000, 5001, 5002, 5003, 5004, 5432, 7000, 8008)

# A port of the host moves by 10000 times this. Others publish ssh only: 65535 is near.
PORT_BLOCK = {"pg1": 1, "pg2": 2, "pg3": 3, "haproxy1": 4, "haproxy2": 5}


@dataclass(frozen=True)
class Lab:
    """One lab: its own network, with hosts of one Debian release and one flavour."""

    name: str = DEFAULT_LAB
    index: int = 0
    release: str = "trixie"
    flavour: str = "packaged"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", self.name):
            raise LabError(f"lab name {self.name!r} is not like [a-z][a-z0-9-]{{0,19}}")
        if not 0 <= self.index <= LAST_INDEX:
            raise LabError(f"lab index {self.index} is not within 0..{LAST_INDEX}")
        _one_of("release", self.release, RELEASES)
        _one_of("flavour", self.flavour, FLAVOURS)

    @property
    def network(self) -> str:
        return f"pyinfra-patroni-{self.name}"

    @property
    def subnet4(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"10.82.{self.index}.0/24")

    @property
    def subnet6(self) -> ipaddress.IPv6Network:
        return ipaddress.IPv6Network(f"fd82:0:0:{self.index:x}::/64")

    def beside(self, network: str) -> ipaddress.IPv4Network:
        """The addresses of one of its further networks. + network: of ``NETWORKS``"""
        return ipaddress.IPv4Network(f"10.{NETWORKS[network]}.{self.index}.0/24")

    @property
    def postgres_version(self) -> int:
        return RELEASES[self.release]

    def host(self, name: str) -> "Host":
        """Return a host by its short name (``pg1``) or its full one (``lab-pg1``)."""
        return Host(self, name.removeprefix(f"{self.name}-"))

    def hosts(self, names: Iterable["str | Host"] = DEFAULT_HOSTS) -> list["Host"]:
        return [name if isinstance(name, Host) else self.host(name) for name in names]


@dataclass(frozen=True)
class Host:
    """
    One host of a lab, a container.

    + moved: it has taken the place of a lost one of its name, at another address; it publishes ssh only
    """

    lab: Lab
    short_name: str
    moved: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(pg|backup|etcd|haproxy|monitor)[1-9]", self.short_name):
            raise LabError(
                f"{self.short_name!r} is not a host that a lab can have",
                "Names are pg1..pg9, backup1.., etcd1.., haproxy1.. and monitor1.. .",
            )

    @property
    def kind(self) -> str:
        return self.short_name[:-1]

    @property
    def octet(self) -> int:
        return FIRST_OCTET[self.kind] + int(self.short_name[-1]) + (MOVED if self.moved else 0)

    @property
    def container(self) -> str:
        return f"{self.lab.name}-{self.short_name}"

    @property
    def address4(self) -> str:
        return str(self.lab.subnet4[self.octet])

    @property
    def address6(self) -> str:
        # The digits of the v4 address, read as hex: .11 and ::11 are one host.
        return str(self.lab.subnet6[int(str(self.octet), 16)])

    def address_in(self, network: str) -> str:
        """Its address in one of the lab's further networks. + network: of ``NETWORKS``"""
        return str(self.lab.beside(network)[self.octet])

    @property
    def ssh_port(self) -> int:
        return 22000 + 100 * self.lab.index + self.octet

    @property
    def published_ports(self) -> dict[int, int]:
        """Port in the host -> port on the loopback of this machine, ssh left out."""
        block = None if self.moved else PORT_BLOCK.get(self.short_name)
        if block is None:
            return {}
        ports = MEMBER_PORTS if self.kind == "pg" else HAPROXY_PORTS
        return {port: 10000 * block + port + 100 * self.lab.index for port in ports}


def free_index(name: str, taken: dict[str, int]) -> int:
    """
    Return the index for a new lab: 0 belongs to the lab ``lab``, others take the first.

    + taken: the indices of existing labs by lab name
    """
    if name == DEFAULT_LAB:
        return 0
    for index in range(1, LAST_INDEX + 1):
        if index not in taken.values():
            return index
    raise LabError(
        f"all {LAST_INDEX} lab indices are taken",
        "Remove a lab that nobody needs: python -m tests.lab down --lab NAME.",
    )


def agreed(existing: Lab, *, index: int | None, release: str | None, flavour: str | None) -> Lab:
    """Return the existing lab; refuse when another index, release or flavour is asked."""
    asked = replace(
        existing,
        index=existing.index if index is None else index,
        release=release or existing.release,
        flavour=flavour or existing.flavour,
    )
    if asked != existing:
        raise LabError(
            f"lab {existing.name} exists with index {existing.index}, {existing.release}, {existing.flavour}",
            f"Use another --lab NAME, or first: python -m tests.lab down --lab {existing.name}.",
        )
    return existing


def _one_of(what: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise LabError(f"{what} {value!r} is none of {', '.join(choices)}")
