"""What lies and runs on one host: files, directories, systemd units. One remote command whatever the number."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.host import SeenComponent, SeenUnit
from facts.answer import Answer

STAMP_DIRECTORY = "/run/pyinfra-patroni"

_NAME = re.compile(r"[\w@:.-]+")
_KINDS = {"regular file": "file", "regular empty file": "file", "directory": "directory", "symbolic link": "link"}

# As few processes as there can be: they are what a look costs a busy host.
_PATHS = r"""
set --
for p in {paths}; do
  if [ -e "$p" ] || [ -L "$p" ]; then set -- "$@" "$p"; else echo "absent|$p"; fi
done
[ $# -eq 0 ] || stat -c 'path|%n|%F|%a|%U|%G' -- "$@" || exit 1
for p do shift; [ ! -f "$p" ] || set -- "$@" "$p"; done
[ $# -eq 0 ] || sha256sum -- "$@" || exit 1
"""

# Of several units systemctl tells one after the other, in their order, with an empty line between.
_STATES = r"""
said=$(systemctl show --timestamp=unix -p LoadState -p ActiveState -p SubState -p UnitFileState -p NeedDaemonReload \
  -p ExecMainStartTimestamp -p ActiveEnterTimestamp -p MainPID {units}) || exit 1
printf '%s\n' "$said" | awk 'BEGIN {{ n = split("{units}", unit); print "unit|" unit[i = 1] }}
  $0 == "" && i < n {{ print "unit|" unit[++i]; next }} {{ print }}'
"""

# A unit's files are compared with the stamp that our last start or reload left, see cluster/components/component.py.
_UNIT = r"""
digest=$(cat {files} 2>/dev/null | sha256sum)
newest=; for t in $(stat -c %Y {files} 2>/dev/null); do [ "$t" -lt "${{newest:-0}}" ] || newest=$t; done
loaded=; [ ! -r {stamp} ] || read -r loaded < {stamp}
printf '%s\n' 'unit|{unit}' "files_digest=${{digest%% *}}" "files_changed_at=$newest" "loaded_digest=$loaded"
"""


class HostComponent(Answer[SeenComponent]):
    """
    Files and units of one component on one host.

    Returns ``{"paths": {path: {kind, mode, user, group, sha256} or None}, "units": {name: {active, enabled, ...}}}``.

    + paths: files and directories to look at; None stands for absent
    + units: unit name to the files that it loads
    """

    def command(self, paths: Sequence[str], units: Mapping[str, Sequence[str]]) -> str:
        """One shell script for all of it."""
        script = _PATHS.format(paths=" ".join(map(shlex.quote, paths))) if paths else ""
        script += _STATES.format(units=" ".join(map(_plain, units))) if units else ""
        return script + "".join(_unit_script(unit, files) for unit, files in units.items()) + "true"

    def parsed(self, output: list[str]) -> SeenComponent:
        """The script's lines as one picture."""
        paths: dict[str, Any] = {}
        units: dict[str, Any] = {}
        unit: dict[str, str] = {}
        for line in output:
            word, _, rest = line.partition("|")
            if word == "path":
                name, kind, mode, user, group = rest.split("|")
                paths[name] = {"kind": _KINDS.get(kind, kind), "mode": mode, "user": user, "group": group}
            elif word == "absent":
                paths[rest] = None
            elif word == "unit":
                unit = units.setdefault(rest, {})
            elif "=" in line and units:
                key, _, value = line.partition("=")
                unit[key] = value
            elif "  " in line:
                digest, name = line.split("  ", 1)
                paths[name]["sha256"] = digest
        return {"paths": paths, "units": {name: _unit(values) for name, values in units.items()}}

    @classmethod
    def serves(cls, asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: SeenComponent) -> bool:
        """One that was about more."""
        units = asked["units"]
        same = all(units.get(name) == list(loads) for name, loads in wanted["units"].items())
        return same and set(wanted["paths"]) <= set(asked["paths"])

    @classmethod
    def part(cls, wanted: Mapping[str, Any], seen: SeenComponent) -> SeenComponent:
        """The paths and units that were asked for."""
        return {
            "paths": {path: seen["paths"][path] for path in wanted["paths"]},
            "units": {name: seen["units"][name] for name in wanted["units"]},
        }


class UnitJournal(Answer[list[str]]):
    """
    The last lines of a unit's journal, and of the newest of some log files: the cause behind a "failed".

    + logs: a shell pattern of log files, e.g. ``/var/log/postgresql/*.log``
    """

    def command(self, unit: str, logs: str = "/dev/null", lines: int = 12) -> str:
        """The journal first, then the log file that was written last."""
        newest = f"$(ls -t {logs} 2>/dev/null | head -n 1)"
        # A service that tries again and again says the same line each time, and the cause would be out of sight; as it
        # would be behind all that pg_controldata says, which Patroni puts there indented, or behind where a program
        # written in Go was when it ended.
        trace = r"^(  |\t|goroutine |created by |[a-z0-9.]+\/.*\()"
        once = f"tac | awk '!/{trace}/ && !seen[$0]++' | tac"
        return (
            f"journalctl -u {shlex.quote(unit)} -n {20 * lines} --no-pager -o cat | {once} | tail -n {lines}; "
            f'f={newest}; [ ! -f "$f" ] || {{ echo "$f:"; tail -n {lines} "$f"; }}'
        )

    def parsed(self, output: list[str]) -> list[str]:
        """As they are."""
        return output


def _plain(unit: str) -> str:
    """The name of a unit, which is a word to the shell and to awk alike."""
    if not _NAME.fullmatch(unit):
        raise ValueError(f"{unit!r} is no name of a unit")
    return unit


def _unit_script(unit: str, files: Sequence[str]) -> str:
    return _UNIT.format(
        unit=unit,
        files=" ".join(map(shlex.quote, files)) or "/dev/null",
        stamp=shlex.quote(f"{STAMP_DIRECTORY}/{unit}"),
    )


def _unit(values: Mapping[str, str]) -> SeenUnit:
    if "ActiveState" not in values:
        raise FactProcessError("systemctl show answered without ActiveState")
    return {
        "present": values.get("LoadState") not in ("not-found", None),
        "active": values["ActiveState"],
        "sub": values.get("SubState", ""),
        "enabled": values.get("UnitFileState", ""),
        "pid": int(values.get("MainPID") or 0),
        "needs_daemon_reload": values.get("NeedDaemonReload") == "yes",
        "started_at": _seconds(values.get("ExecMainStartTimestamp") or values.get("ActiveEnterTimestamp", "")),
        "files_digest": values.get("files_digest", ""),
        "files_changed_at": _seconds(values.get("files_changed_at", "")),
        "loaded_digest": values.get("loaded_digest", ""),
    }


def _seconds(text: str) -> int:
    digits = text.lstrip("@")
    return int(digits) if digits.isdecimal() else 0
