"""What lies and runs on one host: files, directories, systemd units. One remote command whatever the number."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.host import SeenComponent, SeenUnit
from facts.answer import Answer

STAMP_DIRECTORY = "/run/pyinfra-patroni"

_KINDS = {"regular file": "file", "regular empty file": "file", "directory": "directory", "symbolic link": "link"}

_PATHS = r"""
for p in {paths}; do
  if [ -e "$p" ] || [ -L "$p" ]; then
    stat -c 'path|%n|%F|%a|%U|%G' -- "$p" || exit 1
    if [ -f "$p" ]; then sha256sum -- "$p" || exit 1; fi
  else echo "absent|$p"; fi
done
"""

# A unit's files are compared with the stamp that our last start or reload left, see cluster/components/units.py.
_UNIT = r"""
echo 'unit|{unit}'
systemctl show --timestamp=unix -p LoadState -p ActiveState -p SubState -p UnitFileState -p NeedDaemonReload \
  -p {started} -p MainPID {unit} || exit 1
echo "files_digest=$(cat {files} 2>/dev/null | sha256sum | cut -d' ' -f1)"
echo "files_changed_at=$(stat -c %Y {files} 2>/dev/null | sort -n | tail -n 1)"
echo "loaded_digest=$(cat {stamp} 2>/dev/null)"
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
                unit = units[rest] = {}
            elif "=" in line and units:
                key, _, value = line.partition("=")
                unit[key] = value
            elif "  " in line:
                digest, name = line.split("  ", 1)
                paths[name]["sha256"] = digest
        return {"paths": paths, "units": {name: _unit(values) for name, values in units.items()}}


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


def _unit_script(unit: str, files: Sequence[str]) -> str:
    return _UNIT.format(
        unit=shlex.quote(unit),
        # A timer has no process of its own.
        started="ActiveEnterTimestamp" if unit.endswith(".timer") else "ExecMainStartTimestamp",
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
