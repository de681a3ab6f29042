"""What the preflight asks a host about virtual addresses: its interfaces, and who else answers at these addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from cluster.components import bgp
from cluster.components.keepalived import CONFIGURATION, DROP_IN

# Whoever has an address on this network answers the kernel within milliseconds, whatever becomes of the packet; who has
# left it does not keep the neighbour table from naming him for a while. Without iproute2 nobody can look.
_VIRTUAL = r"""
if command -v ip >/dev/null; then
  for i in /sys/class/net/*/; do
    i=${{i%/}}; mac=; [ ! -r "$i/address" ] || read -r mac < "$i/address"
    echo "interface|${{i##*/}}|$mac"
  done 2>/dev/null
  printf '%s\n' "$addresses" | awk '{{ print "network|" $2 "|" $4 }}'
  for f in 4 6; do
    n=/proc/sys/net/ipv$f/ip_nonlocal_bind
    [ ! -r $n ] || {{ read -r v < $n; [ ! -w $n ] || v=settable; echo "nonlocal|$f|$v"; }}
  done
  [ ! -e {configuration} ] || [ -e {mark} ] || echo 'keepalived|foreign'
  ! grep -qs '^router ' {routing} || [ -e {routing_mark} ] || echo 'frr|foreign'
  set --
  for a in {addresses}; do
    case "$addresses" in *" $a/"*) ;; *) set -- "$@" "$a" ;; esac
  done
  if [ $# -gt 0 ]; then
    bash -c 'for a do printf x > /dev/udp/$a/9; done' asked "$@" 2>/dev/null
    for turn in 1 2 3 4 5; do
      open=
      for a do ip neigh show "$a" 2>/dev/null | grep -q INCOMPLETE && open=yes; done
      [ -n "$open" ] || break
      sleep 0.1
    done
    for a do ip neigh show "$a" 2>/dev/null; done | sed -n 's/^\([^ ]*\) .* lladdr \([^ ]*\) .*/neighbour|\1|\2/p'
  fi
fi
"""


def virtual_script(addresses: Sequence[str]) -> str:
    """The part of the script that looks at virtual addresses; it goes after the host's own. + addresses: declared"""
    listed = " ".join(map(quote, addresses))
    routing = {"routing": bgp.CONFIGURATION, "routing_mark": bgp.DROP_IN}
    return _VIRTUAL.format(addresses=listed, configuration=CONFIGURATION, mark=DROP_IN, **routing)


def virtual(lines: Mapping[str, list[list[str]]]) -> dict[str, Any]:
    """
    ``{interfaces: {name: {mac, networks}}, neighbours: {address: MAC}, foreign_keepalived and foreign_frr: bool,
    nonlocal: {family: "settable", or the value of the kernel's ip_nonlocal_bind where the host may not set it}}``.
    """
    interfaces: dict[str, dict[str, Any]] = {name: {"mac": mac, "networks": []} for name, mac in lines["interface"]}
    for name, network in lines.get("network", ()):
        # A VLAN's name has its parent behind an @ in one place and not in the other.
        plain = re.sub(r"@.*", "", name)
        if plain in interfaces:
            interfaces[plain]["networks"].append(network)
    return {
        "interfaces": interfaces,
        "neighbours": dict(lines.get("neighbour", ())),
        "foreign_keepalived": "keepalived" in lines,
        "foreign_frr": "frr" in lines,
        "nonlocal": {f"ipv{family}": value for family, value in lines.get("nonlocal", ())},
    }
