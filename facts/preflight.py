"""One host as it is before anything is done to it, and which of its peers' ports it reaches. Without Python there."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from facts.answer import Answer

_HOST = r"""
export LC_ALL=C
echo "clock|$(date +%s.%N)"
echo "architecture|$(uname -m)"
if command -v ip >/dev/null; then
  addresses=$(ip -o addr show) || exit 1
  printf '%s\n' "$addresses" | awk '{ print "address|" $2 "|" $4 }'
else
  for a in $(hostname -I); do echo "address||$a"; done
fi
if [ -e /etc/patroni/config.yml ]; then
  scope=$(sed -n 's/^scope:[[:space:]]*//p' /etc/patroni/config.yml) || exit 1
  echo "scope|$scope"
fi
[ ! -e /var/lib/pyinfra-patroni/restore/order.json ] || echo 'restoring|'
[ ! -e /var/lib/pyinfra-patroni/etcd-restore/order.json ] || echo 'rebuilding|'
"""

# The unit tells our own services from others of the same name. ss knows it from the socket itself; /proc/<pid>/fd would
# not do, because in a container even root may not look there at another user's processes.
_LISTENING = r"""
if command -v ss >/dev/null; then
  sockets=$(ss -Hltnpe) || exit 1
  printf '%s\n' "$sockets" | sed 's/|/ /g; s/^./socket|&/'
else
  awk '$4 == "0A" { print "kernel|" $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
fi
echo "active|$(systemctl is-active patroni etcd haproxy pgbackrest 2>/dev/null | tr '\n' ' ')"
for f in $(grep -lsz -e '^-D' /proc/[0-9]*/cmdline); do
  p=${f%/cmdline}; name=; unit=
  read -r name < "$p/comm" && [ "$name" = postgres ] || continue
  while read -r line; do case $line in *.service | *.scope) unit=${line##*/} ;; esac; done < "$p/cgroup"
  directory=$(tr '\0' '\n' < "$f" | sed -n '/^-D$/ { n; p; q }; s/^-D\(.\)/\1/p')
  echo "postgres|$unit|$(readlink -f "$directory")"
done 2>/dev/null
"""

# The own end of each session, once; the state is left out of the table when it is asked for.
_SESSIONS = r"""
if command -v ss >/dev/null; then
  sessions=$(ss -Htn state established {ports}) || exit 1
  printf '%s\n' "$sessions" | awk 'NF {{ print "session|" $3 }}' | sort -u
fi
"""

_ROOM = r"""
for p in {paths}; do
  d=$p; while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  room=$(df -Pk -- "$d") || exit 1
  printf '%s\n' "$room" | awk -v p="$p" 'NR == 2 {{ print "room|" p "|" int($4 / 1024) "|" int($2 / 1024) "|" $6 }}'
done
"""

# od reads the system identifier where pg_control begins with it; pg_controldata is not there before the packages are.
_DATA = r"""
d={directory}
if [ ! -e "$d" ]; then
  said=$(ls -d -- "$d" 2>&1)
  case $said in *'No such file'*) echo 'data|absent||||' ;; *) echo "data|unreadable||||$said" ;; esac
elif [ ! -d "$d" ]; then echo 'data|no directory||||'
elif ! files=$(ls -A -- "$d" 2>&1); then echo "data|unreadable||||$files"
elif [ -z "$files" ]; then echo "data|empty||||"
else
  version=; identifier=
  if [ -e "$d/PG_VERSION" ]; then version=$(cat "$d/PG_VERSION") || exit 1; fi
  if [ -e "$d/global/pg_control" ]; then identifier=$(od -An -N8 -tu8 "$d/global/pg_control") || exit 1; fi
  echo "data|files|$version|$identifier|$(readlink -f "$d")|$(printf '%s\n' "$files" | head -n 3 | tr '\n' ' ')"
fi
"""


class HostPicture(Answer[dict[str, Any]]):
    """
    What the preflight judges of one host, in one command.

    Returns ``{"clock": {offset_seconds, uncertainty_seconds}, "architecture", "addresses": {address: interface},
    "scope": of Patroni's configuration or None, "restoring": bool, "rebuilding": etcd, bool, "listening": [{address,
    port, process, unit}], "sessions": [{address, port}] of clients,
    "active": [units of ours], "postgres": [{unit, directory}], "etcd_data": bool, "rooms":
    {path: {free_mib, total_mib, mount}}, "data": {state, version, identifier, path, detail} or None}``.
    ``offset_seconds`` is the host's clock less the control machine's, known to be right within
    ``uncertainty_seconds``. A ``unit`` is empty for a process of none, and None where that could not be seen; so is an
    empty ``process``. ``directory`` is the data directory of a running PostgreSQL. ``state`` is ``absent``, ``empty``,
    ``files``, ``no directory`` or ``unreadable``.

    + data_directory: PostgreSQL's declared data directory; without it ``data`` is None
    + etcd_directory: etcd's declared data directory
    + backup_directory: where backups are stored
    + client_ports: those whose sessions are looked at
    """

    def __init__(self) -> None:
        self.asked_at = 0.0

    def command(
        self,
        data_directory: str | None = None,
        etcd_directory: str | None = None,
        backup_directory: str | None = None,
        client_ports: Sequence[int] = (),
    ) -> str:
        """One script; its first and last line say the time there, which takes what it costs out of the measurement."""
        self.asked_at = control_time()
        script = _HOST + _LISTENING
        paths = [path for path in (data_directory, etcd_directory, backup_directory) if path is not None]
        if paths:
            script += _ROOM.format(paths=" ".join(map(quote, paths)))
        if client_ports:
            wanted = " or ".join(f"sport = :{int(port)}" for port in client_ports)
            script += _SESSIONS.format(ports=quote(f"( {wanted} )"))
        if data_directory is not None:
            script += _DATA.format(directory=quote(data_directory))
        if etcd_directory is not None:
            script += f"if [ -e {quote(etcd_directory)}/member ]; then echo 'etcd|'; fi\n"
        return script + 'echo "clock|$(date +%s.%N)"'

    def parsed(self, output: list[str]) -> dict[str, Any]:
        """The script's lines as one picture."""
        lines: dict[str, list[list[str]]] = {}
        for line in output:
            word, *rest = line.split("|")
            lines.setdefault(word, []).append(rest)
        if len(lines.get("clock", ())) != 2:
            raise FactProcessError("the picture of the host is incomplete")
        return {
            "clock": _clock(self.asked_at, lines["clock"], control_time()),
            "architecture": lines["architecture"][0][0],
            "addresses": dict(_addresses(lines.get("address", ()))),
            "scope": next((scope.strip("'\"") for (scope,) in lines.get("scope", ())), None),
            "restoring": "restoring" in lines,
            "rebuilding": "rebuilding" in lines,
            "listening": _listening(lines),
            "sessions": [_own_end(place) for (place,) in lines.get("session", ())],
            "active": [unit for (states,) in lines.get("active", ()) for unit in _active(states)],
            "postgres": [{"unit": unit, "directory": place} for unit, place in lines.get("postgres", ())],
            "etcd_data": "etcd" in lines,
            "rooms": dict(map(_room, lines.get("room", ()))),
            "data": next(map(_data, lines.get("data", ())), None),
        }


def control_time() -> float:
    """The control machine's clock, in seconds."""
    return time.time()


def _clock(asked_at: float, there: Sequence[Sequence[str]], answered_at: float) -> dict[str, float]:
    # As NTP does it: the way there and the way back bound the error, whatever the other hosts' answers had to wait for.
    first, last = (float(text) for (text,) in there)
    travelled = (answered_at - asked_at) - (last - first)
    offset = ((first - asked_at) + (last - answered_at)) / 2
    return {"offset_seconds": round(offset, 3), "uncertainty_seconds": round(max(travelled, 0) / 2, 3)}


def _addresses(lines: Iterable[Sequence[str]]) -> Iterable[tuple[str, str]]:
    for interface, text in lines:
        address = ipaddress.ip_interface(text).ip
        if not address.is_loopback and not address.is_link_local:
            yield str(address), interface


def _active(states: str) -> list[str]:
    units = ("patroni.service", "etcd.service", "haproxy.service", "pgbackrest.service")
    return [unit for unit, state in zip(units, states.split(), strict=False) if state == "active"]


def _listening(lines: Mapping[str, list[list[str]]]) -> list[dict[str, Any]]:
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


def _room(line: Sequence[str]) -> tuple[str, dict[str, Any]]:
    path, free, total, mount = line
    return path, {"free_mib": int(free), "total_mib": int(total), "mount": mount}


def _data(line: Sequence[str]) -> dict[str, Any]:
    state, version, identifier, path, *detail = line
    return {
        "state": state,
        "version": version or None,
        "identifier": identifier.strip() or None,
        "path": path or None,
        "detail": "|".join(detail).strip(),
    }
