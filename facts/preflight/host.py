"""One host as it is before anything is done to it, and which of its peers' ports it reaches. Without Python there."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from facts.answer import Answer
from facts.member_data import TURNS, turns_of
from facts.preflight.firewall import ACCESS, HAS_RULES, access
from facts.preflight.held import held, held_script, stanza, stanza_script
from facts.preflight.locales import locales as locales_of
from facts.preflight.locales import locales_script
from facts.preflight.sockets import LISTENING, active, listening, sessions, sessions_script
from facts.preflight.vip import virtual, virtual_script

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
  echo "patroni|$(sed -n 's/^  connect_address:[[:space:]]*//p' /etc/patroni/config.yml | head -n 1)"
fi
if [ -x /usr/local/bin/data-mounts ] && command -v python3 >/dev/null; then
  lost=$(/usr/local/bin/data-mounts missing) || exit 1
  printf '%s\n' "$lost" | sed -n 's/^./unmounted|&/p'
fi
[ ! -e /var/lib/pyinfra-patroni/restore/order.json ] || echo 'restoring|'
[ ! -e /var/lib/pyinfra-patroni/etcd-restore/order.json ] || echo 'rebuilding|'
"""

_ROOM = r"""
for p in {paths}; do
  d=$p; while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  room=$(df -Pk -- "$d") || exit 1
  printf '%s\n' "$room" | awk -v p="$p" 'NR == 2 {{ print "room|" p "|" int($4 / 1024) "|" int($2 / 1024) "|" $6 }}'
done
"""

# initdb makes its directories before its first file, and a host may die in between: there is nothing to lose then.
# od reads the system identifier where pg_control begins with it, then the last checkpoint and its timeline;
# pg_controldata is not there before the packages are.
_DATA = r"""
d={directory}
if [ ! -e "$d" ]; then
  said=$(ls -d -- "$d" 2>&1)
  case $said in *'No such file'*) echo 'data|absent||||' ;; *) echo "data|unreadable||||$said" ;; esac
elif [ ! -d "$d" ]; then echo 'data|no directory||||'
elif ! files=$(ls -A -- "$d" 2>&1); then echo "data|unreadable||||$files"
elif [ -z "$files" ]; then echo "data|empty||||"
elif ! printf '%s\n' "$files" | grep -qvE '^(base|global|pg_[a-z_]+)$' &&
  found=$(find "$d/" ! -type d -print -quit 2>&1) && [ -z "$found" ]
then echo "data|begun||||"
else
  version=; identifier=
  if [ -e "$d/PG_VERSION" ]; then version=$(cat "$d/PG_VERSION") || exit 1; fi
  if [ -e "$d/global/pg_control" ]; then identifier=$(od -An -N8 -tu8 "$d/global/pg_control") || exit 1; fi
  echo "data|files|$version|$identifier|$(readlink -f "$d")|$(printf '%s\n' "$files" | head -n 3 | tr '\n' ' ')"
  if [ -n "$identifier" ]; then
    end=$(od -An -j32 -N8 -tu8 "$d/global/pg_control") timeline=$(od -An -j48 -N4 -tu4 "$d/global/pg_control")
    echo "past|$end|$timeline|$(turns "$d" | tr '\n' ' ')"
  fi
fi
"""


# What etcd here would tell the others of where it is.
_PEER_URL = "$(sed -n 's/^ETCD_INITIAL_ADVERTISE_PEER_URLS=//p' /etc/default/etcd 2>/dev/null)"


class HostPicture(Answer[dict[str, Any]]):
    """
    What the preflight judges of one host, in one command.

    Returns ``{"clock": {offset_seconds, uncertainty_seconds}, "architecture", "addresses": {address: interface},
    "scope", "patroni_address": of Patroni's configuration or None, "restoring": bool, "rebuilding": etcd, bool,
    "unmounted": [{name, problem}], "listening": [{address, port, process, unit}], "sessions": [{address, port}] of
    clients, "active": [units of ours], "postgres": [{unit, directory}], "etcd_data": bool, "etcd_peer_url": as its file
    has it, or None, "rooms": {path: {free_mib, total_mib, mount}}, "data": {state, version, identifier, path, detail,
    timeline, end, turns} or None, "firewalled": whether there are rules of ours, bool, "access": as
    ``facts.preflight_firewall`` has it, or None, "held": of secrets, "stanza": of backups, or None}``; the last two as
    ``facts.preflight_held`` has them. ``end`` is the last checkpoint of data, ``turns`` where they left their earlier
    timelines, in bytes. ``offset_seconds`` is the host's clock less the control machine's, known to be right within
    ``uncertainty_seconds``. A ``unit`` is empty for a process of none, and None where that could not be seen; so is an
    empty ``process``. ``directory`` is the data directory of a running PostgreSQL. ``state`` is ``absent``, ``empty``,
    ``begun`` (by an initdb that was killed, directories alone), ``files``, ``no directory`` or ``unreadable``.

    + data_directory: PostgreSQL's declared data directory; without it ``data`` is None
    + etcd_directory: etcd's declared data directory
    + backup_directory: where backups are stored; + stanza_name: the cluster's place there
    + secrets: what ``held_script`` takes; without it nobody looks for secrets
    + client_ports: those whose sessions are looked at
    + firewall: whether to look how this machine gets there, for a firewall is declared
    + locales, zones: those that are looked for; then there is ``"locales"``, as ``facts.preflight_locales`` has it
    + vips: virtual addresses; then there is ``"virtual"``, as ``facts.preflight.vip`` has it
    """

    def __init__(self) -> None:
        self.asked_at = 0.0

    def command(
        self,
        data_directory: str | None = None,
        etcd_directory: str | None = None,
        backup_directory: str | None = None,
        stanza_name: str | None = None,
        secrets: Mapping[str, Any] | None = None,
        client_ports: Sequence[int] = (),
        locales: Sequence[str] = (),
        zones: Sequence[str] = (),
        firewall: bool = False,
        vips: Sequence[str] = (),
    ) -> str:
        """One script; its first and last line say the time there, which takes what it costs out of the measurement."""
        self.asked_at = control_time()
        script = _HOST + HAS_RULES + LISTENING + (ACCESS if firewall else "")
        paths = [path for path in (data_directory, etcd_directory, backup_directory) if path is not None]
        if paths:
            script += _ROOM.format(paths=" ".join(map(quote, paths)))
        if vips:
            script += virtual_script(vips)
        if client_ports:
            script += sessions_script(client_ports)
        if data_directory is not None:
            script += TURNS + _DATA.format(directory=quote(data_directory))
        if etcd_directory is not None:
            script += f'if [ -e {quote(etcd_directory)}/member ]; then echo "etcd|{_PEER_URL}"; fi\n'
        if backup_directory is not None and stanza_name is not None:
            script += stanza_script(backup_directory, stanza_name)
        if locales or zones:
            script += locales_script(locales, zones)
        if secrets is not None:
            script += held_script(**secrets)
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
            "patroni_address": next((_host(text) for (text,) in lines.get("patroni", ()) if text), None),
            "restoring": "restoring" in lines,
            "rebuilding": "rebuilding" in lines,
            "unmounted": [_unmounted(line) for line in lines.get("unmounted", ())],
            "listening": listening(lines),
            "sessions": sessions(lines),
            "active": active(lines),
            "postgres": [{"unit": unit, "directory": place} for unit, place in lines.get("postgres", ())],
            "etcd_data": "etcd" in lines,
            "etcd_peer_url": next((url for (url,) in lines.get("etcd", ()) if url), None),
            "rooms": dict(map(_room, lines.get("room", ()))),
            "data": next((_data(line, lines.get("past", ())) for line in lines.get("data", ())), None),
            "held": held(lines),
            "firewalled": "rules" in lines,
            "access": access(lines),
            "stanza": stanza(lines),
            **({"locales": locales_of(lines)} if {"glibc", "zone"} & set(lines) else {}),
            **({"virtual": virtual(lines)} if "interface" in lines else {}),
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


def _host(text: str) -> str:
    return text.strip("'\"").rpartition(":")[0].strip("[]")


def _room(line: Sequence[str]) -> tuple[str, dict[str, Any]]:
    path, free, total, mount = line
    return path, {"free_mib": int(free), "total_mib": int(total), "mount": mount}


def _unmounted(line: Sequence[str]) -> dict[str, str]:
    name, *problem = line
    return {"name": name, "problem": "|".join(problem)}


def _data(line: Sequence[str], past: Sequence[Sequence[str]]) -> dict[str, Any]:
    state, version, identifier, path, *detail = line
    end, timeline, history = next(iter(past), ("0", "0", ""))
    newest, turns = turns_of(history)
    return {
        "state": state,
        "version": version or None,
        "identifier": identifier.strip() or None,
        "path": path or None,
        "detail": "|".join(detail).strip(),
        # The newest history file names the newest timeline that the data know of.
        "timeline": max(int(timeline or 0), newest),
        "end": int(end or 0),
        "turns": turns,
    }
