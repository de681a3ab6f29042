"""A router for the lab: FRR on a host that is in no inventory. It takes what members announce, and forwards to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.lab.docker import run_in
from tests.lab.spec import Host

ASN = 65000
INSTALL = """
command -v vtysh >/dev/null || {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends frr
} >/dev/null
sed -i 's/^bgpd=no/bgpd=yes/; s/^bfdd=no/bfdd=yes/' /etc/frr/daemons
cat > /etc/frr/frr.conf
chown frr:frr /etc/frr/frr.conf
systemctl enable --quiet frr && systemctl reset-failed frr && systemctl restart frr
"""


def set_up(router: Host, members: Iterable[Host], asn: int, password: str | None) -> None:
    """Make a host the router of members. + asn: of the members; + password: that it asks them for, if any"""
    run_in(router.container, INSTALL, stdin=configuration(router, list(members), asn, password))


def configuration(router: Host, members: list[Host], asn: int, password: str | None) -> str:
    """frr.conf of the router: each member by both families, several next hops for one address."""
    lines = [f"router bgp {ASN}", f" bgp router-id {router.address4}", " no bgp default ipv4-unicast"]
    lines += [" bgp bestpath as-path multipath-relax", " timers bgp 3 9"]
    for member in members:
        for address in (member.address4, member.address6):
            lines += [f" neighbor {address} remote-as {asn}"]
            lines += [f" neighbor {address} password {password}"] if password is not None else []
            lines += [f" neighbor {address} bfd", f" neighbor {address} bfd profile fast"]
    for family, attribute in (("ipv4", "address4"), ("ipv6", "address6")):
        lines += [f" address-family {family} unicast", "  maximum-paths 4"]
        for address in (getattr(member, attribute) for member in members):
            words = ("activate", "route-map ALL in", "route-map ALL out")
            lines += [f"  neighbor {address} {word}" for word in words]
        lines += [" exit-address-family"]
    bfd = ["bfd", " profile fast", "  receive-interval 300", "  transmit-interval 300", " exit", "exit"]
    return (
        "\n".join(["service integrated-vtysh-config", "route-map ALL permit 10", "exit", *bfd, *lines, "exit"]) + "\n"
    )


def next_hops(router: Host, address: str) -> set[str]:
    """The neighbours by which the router's own routing table leads to an address."""
    family = "ipv6" if ":" in address else "ip"
    shown = json.loads(run_in(router.container, f"vtysh -c 'show {family} route {address} json'") or "{}")
    bits = 128 if ":" in address else 32
    routes: list[dict[str, Any]] = shown.get(f"{address}/{bits}", [])
    return {
        str(hop.get("ip")) for one in routes if one["protocol"] == "bgp" for hop in one["nexthops"] if hop.get("active")
    }


def announcers(router: Host, address: str) -> set[str]:
    """The members, by address, from which the router has a route to an address."""
    family = "ipv6" if ":" in address else "ipv4"
    shown = json.loads(run_in(router.container, f"vtysh -c 'show bgp {family} unicast {address} json'") or "{}")
    return {path["peer"]["peerId"] for path in shown.get("paths", [])}


def announced(router: Host) -> set[str]:
    """All that the router was told, of both families."""
    found: set[str] = set()
    for family in ("ipv4", "ipv6"):
        shown = json.loads(run_in(router.container, f"vtysh -c 'show bgp {family} unicast json'"))
        found |= set(shown.get("routes", {}))
    return found
