"""The sockets of a host, as the preflight asks for them: who listens, and at which addresses clients are connected."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from cluster.components.all import SERVICES

# The unit tells our own services from others of the same name. ss knows it from the socket itself; /proc/<pid>/fd would
# not do, because in a container even root may not look there at another user's processes.
LISTENING = rf"""
if command -v ss >/dev/null; then
  sockets=$(ss -Hltnpe) || exit 1
  printf '%s\n' "$sockets" | sed 's/|/ /g; s/^./socket|&/'
else
  awk '$4 == "0A" {{ print "kernel|" $2 }}' /proc/net/tcp /proc/net/tcp6 2>/dev/null
fi
echo "active|$(systemctl is-active {" ".join(SERVICES)} 2>/dev/null | tr '\n' ' ')"
for f in $(grep -lsz -e '^-D' /proc/[0-9]*/cmdline); do
  p=${{f%/cmdline}}; name=; unit=
  read -r name < "$p/comm" && [ "$name" = postgres ] || continue
  while read -r line; do case $line in *.service | *.scope) unit=${{line##*/}} ;; esac; done < "$p/cgroup"
  directory=$(tr '\0' '\n' < "$f" | sed -n '/^-D$/ {{ n; p; q }}; s/^-D\(.\)/\1/p')
  [ -z "$directory" ] || echo "postgres|$unit|$(readlink -f "$directory")" # ended meanwhile
done 2>/dev/null
"""

# The own end of each session, once; the state is left out of the table when it is asked for.
_SESSIONS = r"""
if command -v ss >/dev/null; then
  sessions=$(ss -Htn state established {ports}) || exit 1
  printf '%s\n' "$sessions" | awk 'NF {{ print "session|" $3 }}' | sort -u
fi
"""


def sessions_script(ports: Sequence[int]) -> str:
    """The part of the script that looks at sessions. + ports: of the services that clients come to"""
    wanted = " or ".join(f"sport = :{int(port)}" for port in ports)
    return _SESSIONS.format(ports=quote(f"( {wanted} )"))


def active(lines: Mapping[str, list[list[str]]]) -> list[str]:
    """Our units that are up."""
    states = [state for (line,) in lines.get("active", ()) for state in line.split()]
    return [unit for unit, state in zip(SERVICES, states, strict=False) if state == "active"]


def listening(lines: Mapping[str, list[list[str]]]) -> list[dict[str, Any]]:
    """Each socket that takes connections: ``{address, port, process, unit}``."""
    found = [_socket(line) for (line,) in lines.get("socket", ())]
    found += [_kernel_socket(place) for (place,) in lines.get("kernel", ())]
    return sorted(found, key=lambda one: (one["port"], one["address"]))


def _socket(line: str) -> dict[str, Any]:
    address, _, port = line.split()[3].rpartition(":")
    plain = address.strip("[]").partition("%")[0]
    process, cgroup = re.search(r'users:\(\("([^"]*)"', line), re.search(r" cgroup:(/\S*)", line)
    units = re.findall(r"[^/]+\.(?:service|scope)(?=/|$)", cgroup[1]) if cgroup else [None]
    return {
        "address": "::" if plain == "*" else plain,
        "port": int(port),
        "process": process[1] if process else "",
        "unit": units[-1] if units else "",
    }


def sessions(lines: Mapping[str, list[list[str]]]) -> list[dict[str, Any]]:
    """The own end of the sessions of clients: ``{address, port}``."""
    return [_own_end(place) for (place,) in lines.get("session", ())]


def _own_end(place: str) -> dict[str, Any]:
    address, _, port = place.rpartition(":")
    plain = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    # A socket for both families shows a client of IPv4 so.
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return {"address": str(mapped or plain), "port": int(port)}


def _kernel_socket(place: str) -> dict[str, Any]:
    address, port = place.split(":")
    return {"address": _from_hex(address), "port": int(port, 16), "process": "", "unit": None}


def _from_hex(text: str) -> str:
    # The kernel prints words of 32 bits as the processor has them, which is little endian wherever Debian has Patroni.
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
