"""FRR on the members: it tells routers by BGP which virtual IP addresses a member has at this moment."""

from __future__ import annotations

import ipaddress
import zlib
from dataclasses import dataclass
from pathlib import Path

from cluster.components.component import Component, Unit
from cluster.components.component_type import Admission, ComponentType, role
from cluster.components.files import Directory, File
from cluster.components.rendering import program, rendered
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import virtual_addresses
from cluster.errors import ConfigError
from cluster.secrets.private_files import read_text, refuse_open_to_others

UNIT = "frr"
USER = "frr"
DIRECTORY = "/etc/frr"
CONFIGURATION = f"{DIRECTORY}/frr.conf"
DAEMONS = f"{DIRECTORY}/daemons"
DROP_IN_DIRECTORY = f"/etc/systemd/system/{UNIT}.service.d"
# Where it is not, FRR is none of ours.
DROP_IN = f"{DROP_IN_DIRECTORY}/pyinfra-patroni.conf"
PROGRAM = "/usr/local/bin/bgp-reload"
BFD_PORT, FAR_BFD_PORT = 3784, 4784  # RFC 5881; and RFC 5883, for routers that are not on the host's own network
PASSWORD_LENGTH = 80  # of TCP MD5, RFC 2385 and Linux

# bgpd listens nowhere: it is the member that connects to its routers. Nobody logs in to the daemons over TCP either.
_DAEMONS = """# Written by pyinfra-patroni. Changes made here are lost at its next run.
bgpd=yes
bfdd=yes
vtysh_enable=yes
zebra_options="-A 127.0.0.1 -P 0 -s 90000000"
mgmtd_options="-A 127.0.0.1 -P 0"
bgpd_options="-A 127.0.0.1 -P 0 -p 0"
bfdd_options="-A 127.0.0.1 -P 0"
staticd_options="-A 127.0.0.1 -P 0"
"""

# In place of FRR's own reload, which is not for a host that is no router: see the program. Whatever FRR is told, it
# cannot let the kernel forward packets.
_DROP_IN = f"""# Managed by pyinfra-patroni.
[Service]
ExecReload=
ExecReload={PROGRAM}
ProtectKernelTunables=true
ProtectHome=true
PrivateTmp=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectClock=true
"""

# A daemon's options are read at its start alone.
LOAD = f"if [ /run/frr/zebra.pid -nt {DAEMONS} ]; then systemctl reload {UNIT}; else systemctl restart {UNIT}; fi"


@dataclass(frozen=True)
class Family:
    """How FRR names a family of addresses. + word: in a match; + unicast: of an address family"""

    version: int
    word: str
    unicast: str


FAMILIES = (Family(4, "ip", "ipv4"), Family(6, "ipv6", "ipv6"))


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host announces addresses."""
    return cluster.settings.vip_mode == "bgp" and node in cluster.members


def routers(node: Node) -> list[str]:
    """The addresses of a member's routers, as FRR spells them."""
    return [str(ipaddress.ip_address(text)) for text in node.settings.bgp_neighbors]


def router_id(node: Node) -> str:
    """How a member names itself to routers: as declared, its IPv4 address, or made from its name, always the same."""
    if node.settings.bgp_router_id is not None:
        return node.settings.bgp_router_id
    if node.address.ip.version == 4:
        return str(node.address)
    return str(ipaddress.IPv4Address(max(1, zlib.crc32(node.name.encode()))))


def bgp_component(cluster: Cluster, node: Node) -> Component:
    """FRR's files and unit on one member; nothing where no addresses are announced."""
    if not is_wanted(cluster, node):
        return Component()
    text = configuration_text(cluster, node)
    files = (
        File(PROGRAM, program("bgp_reload.sh"), mode="755"),
        File(DROP_IN, _DROP_IN),
        File(DAEMONS, _DAEMONS, USER, USER, "640"),
        File(CONFIGURATION, text, USER, USER, "640", check="vtysh --dryrun --inputfile {}"),
    )
    loads = (CONFIGURATION, DAEMONS, DROP_IN)
    return Component((Directory(DROP_IN_DIRECTORY),), files, (Unit(UNIT, loads, load=LOAD),))


def configuration_text(cluster: Cluster, node: Node) -> str:
    """frr.conf of one member. The password is in the text, where its routers ask for one."""
    settings, words = node.settings, {family.version: family.word for family in FAMILIES}
    listed = [one.address for one in virtual_addresses(cluster)]
    neighbors = [
        {
            "address": str(ipaddress.ip_address(text)),
            "asn": asn,
            "version": ipaddress.ip_address(text).version,
            # Within one autonomous system routers may be as far as they like.
            "hops": settings.bgp_hops if asn != settings.bgp_asn else 1,
        }
        for text, asn in settings.bgp_neighbors.items()
    ]
    return rendered(
        "bgp/frr.conf.j2",
        addresses=[{"family": words[one.ip.version], "prefix": one.hba} for one in listed],
        families=[family for family in FAMILIES if any(one.ip.version == family.version for one in listed)],
        communities=[one for one in settings.bgp_communities if one.count(":") == 1],
        large_communities=[one for one in settings.bgp_communities if one.count(":") == 2],
        bfd=settings.bgp_bfd,
        asn=settings.bgp_asn,
        router_id=router_id(node),
        neighbors=neighbors,
        password=password_of(node),
    )


def password_of(node: Node) -> str | None:
    """The password that a member's routers ask for, read on the control machine; None where none is declared."""
    declared = node.settings.bgp_password_file
    if declared is None:
        return None
    path = Path(declared)
    if not path.exists():
        raise ConfigError(
            f"bgp_password_file: {path} is not there\nHINT: a file for its owner alone (chmod 600), with the password."
        )
    refuse_open_to_others(path)
    password = read_text(path).strip()
    if not password or len(password) > PASSWORD_LENGTH or not password.isascii() or len(password.split()) != 1:
        raise ConfigError(
            f"bgp_password_file: {path} has no password of 1 to {PASSWORD_LENGTH} characters of ASCII without blanks\n"
            "HINT: write the routers' password into it, and nothing else."
        )
    return password


def _admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    """Routers send BFD; of BGP they answer, for it is the member that connects."""
    routers = tuple(Address(text).hba for text in node.settings.bgp_neighbors)
    wanted = is_wanted(cluster, node) and cluster.settings.bgp_bfd
    far = node.settings.bgp_hops > 1 or node.settings.bgp_asn in node.settings.bgp_neighbors.values()
    ports = (BFD_PORT, FAR_BFD_PORT) if far else (BFD_PORT,)
    return (Admission("routers", routers, ports, "udp", what="BFD"),) if wanted else ()


# It stays with the members when it is not wanted there any more, so that a run removes it.
COMPONENT = ComponentType(
    name="bgp",
    on=role("postgres"),
    packages=lambda cluster, node: ("frr", "frr-pythontools") if is_wanted(cluster, node) else (),
    held=("frr",),
    debian_units={"frr": UNIT},
    undisturbed=(UNIT,),
    files=lambda cluster, node, secrets: bgp_component(cluster, node),
    phase="clients",
    units=lambda cluster, node: (UNIT,) if is_wanted(cluster, node) else (),
    former_units=(UNIT,),
    admits=_admitted,
    mark=DROP_IN,
    owns=lambda cluster, node: (DROP_IN, CONFIGURATION, DAEMONS, PROGRAM),
    shells=(DROP_IN_DIRECTORY,),
)
