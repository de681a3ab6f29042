"""
The firewall of a host: a table of our own for nftables, and the unit that loads it at boot.

Other tables are neither read nor touched. What a packet may do is decided by all of them: ours closes what nobody
declared, and opens nothing that another one closes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from itertools import groupby

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.components.firewall.matrix import Passage, passages_of
from cluster.components.keepalived import VRRP
from cluster.declared.model import Cluster, Node

TABLE = "inet pyinfra_patroni"
UNIT = "pyinfra-patroni-firewall"
DIRECTORY = "/etc/pyinfra-patroni"
RULES = f"{DIRECTORY}/firewall.nft"
# Rules that are loaded and not proven yet: a host that boots meanwhile loads RULES.
TRIAL = f"{DIRECTORY}/firewall.trial.nft"
# The unit of the timer that takes rules back which no run has proven.
GUARD = f"{UNIT}-guard"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
# What nft said of the table after it was loaded: the digest tells whether somebody has changed it since.
RECORD = "/run/pyinfra-patroni/firewall.digest"
NFT = "/usr/sbin/nft"
LISTING = f"{NFT} -s list table {TABLE}"

_UNIT = f"""[Unit]
Description=Firewall of pyinfra-patroni
Documentation=https://wiki.nftables.org
DefaultDependencies=no
After=local-fs.target nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
# Debian's unit flushes all tables when it is reloaded or restarted.
ReloadPropagatedFrom=nftables.service
PartOf=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={NFT} -f {RULES}
ExecStart=/bin/sh -c 'mkdir -p /run/pyinfra-patroni; {LISTING} | sha256sum | cut -c1-64 >{RECORD}'
ExecReload={NFT} -f {RULES}
ExecReload=/bin/sh -c 'mkdir -p /run/pyinfra-patroni; {LISTING} | sha256sum | cut -c1-64 >{RECORD}'
ExecStop=-{NFT} delete table {TABLE}

[Install]
WantedBy=sysinit.target
"""

# Protocols by number, for a minimal Debian has no list of their names.
PORTLESS = {"vrrp": VRRP}

# A packet of TCP that begins no connection is accepted: it opens nothing, and connections that are older than the rules
# go on, in whichever direction they were opened; the kernel has not tracked them before.
_HEAD = f"""# Managed by pyinfra-patroni: who may reach which port of this host. `deploys/ports.py` prints all hosts'.
table {TABLE}
delete table {TABLE}
table {TABLE} {{
  chain input {{
    type filter hook input priority filter; policy drop;
    iif lo accept
    tcp flags & (fin | syn | rst | ack) != syn accept
    ct state established,related accept
    icmp type {{ echo-request, destination-unreachable, time-exceeded, parameter-problem }} accept
    icmpv6 type {{ echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
    # Without neighbour discovery IPv6 does not work at all.
    icmpv6 type {{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
    icmpv6 type {{ mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }} accept
    ip protocol 2 accept
    # The host's own address, where DHCP gives it.
    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
"""
_TAIL = """    # As a port on which nothing listens.
    meta l4proto 6 reject with tcp reset
    reject
  }
}
"""


def rules_text(listed: Sequence[Passage], also: Sequence[str] = ()) -> str:
    """
    The table of one host, which takes the place of an earlier one at once.

    + listed: the host's passages; + also: rules of before that are kept until a run is done
    """
    ordered = sorted(listed, key=_place)
    rules = [line for _, some in groupby(ordered, _place) for line in _rules(list(some))]
    own = {*rules, *accepting(_HEAD)}
    kept = [line for line in also if line not in own]
    marked = [*rules, *(["# Of before, until the run that changes it is done.", *kept] if kept else [])]
    return _HEAD + "".join(f"    {line}\n" for line in marked) + _TAIL


def accepting(text: str) -> list[str]:
    """The rules of a table that open something. + text: of its file"""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line.endswith(" accept")]


def _place(one: Passage) -> tuple[str, int]:
    return one.protocol, one.port or 0


def _rules(some: Sequence[Passage]) -> Iterator[str]:
    """One port, with the sources that may reach it at the same addresses of the host."""
    yield f"# {some[0].what}: {', '.join(dict.fromkeys(one.who for one in some))}"
    for at in dict.fromkeys(one.at for one in some):
        yield from _from(_match(some[0]), [text for one in some if one.at == at for text in one.networks], at)


def _from(match: str, texts: Sequence[str], at: Sequence[str]) -> Iterator[str]:
    """The sources of each kind of address."""
    # nft refuses sources that overlap.
    ipv4 = ipaddress.collapse_addresses(ipaddress.IPv4Network(text) for text in texts if ":" not in text)
    ipv6 = ipaddress.collapse_addresses(ipaddress.IPv6Network(text) for text in texts if ":" in text)
    for word, family, sources in (("ip", "ipv4", list(ipv4)), ("ip6", "ipv6", list(ipv6))):
        own = [text for text in at if (":" in text) == (word == "ip6")]
        if not sources or (at and not own):
            continue
        anywhere = any(one.prefixlen == 0 for one in sources)
        conditions = [] if anywhere else [f"{word} saddr {{ {', '.join(map(_source, sources))} }}"]
        conditions += [f"{word} daddr {{ {', '.join(own)} }}"] if own else []
        yield " ".join([*(conditions or [f"meta nfproto {family}"]), match, "accept"])


def _match(one: Passage) -> str:
    return f"meta l4proto {PORTLESS[one.protocol]}" if one.port is None else f"{one.protocol} dport {one.port}"


def _source(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    alone = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if alone else str(network)


def is_wanted(cluster: Cluster) -> bool:
    """Whether the hosts are to have a firewall of ours."""
    return cluster.settings.firewall_mode == "nftables"


def firewall_component(
    others: Sequence[ComponentType], cluster: Cluster, node: Node, also: Sequence[str] = ()
) -> Component:
    """
    The firewall's files and unit on one host; none where it is off.

    + others: the components whose ports it opens; + also: as ``rules_text`` has it
    """
    if not is_wanted(cluster):
        return Component()
    text = rules_text(passages_of(others, cluster, node), also)
    files = (File(UNIT_FILE, _UNIT), File(RULES, text, check=f"{NFT} -c -f {{}}"))
    unit = Unit(UNIT, (UNIT_FILE, RULES), load=f"systemctl reload {UNIT}")
    return Component((Directory(DIRECTORY),), files, (unit,))


def component_beside(others: Sequence[ComponentType]) -> ComponentType:
    """The declaration of the firewall. + others: as ``firewall_component`` has them"""
    return ComponentType(
        name="firewall",
        on=lambda cluster, node: True,  # what an earlier declaration left goes with the host's other files
        packages=lambda cluster, node: ("nftables",) if is_wanted(cluster) else (),
        files=lambda cluster, node, secrets: firewall_component(others, cluster, node),
        units=lambda cluster, node: (UNIT,) if is_wanted(cluster) else (),
        former_units=(UNIT,),
        owns=lambda cluster, node: (UNIT_FILE, RULES, TRIAL),
        mark=RULES,
        shells=(DIRECTORY,),
    )
