"""What HAProxy says of the servers behind its ports."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from cluster.components.haproxy import runtime_query
from facts.answer import Answer

COLUMNS = {"pxname", "svname", "status", "scur", "check_status", "last_chk", "lastchg", "addr"}


class HaproxyServers(Answer[dict[str, dict[str, dict[str, Any]]] | None]):
    """
    Every server of every section, as HAProxy's checks found it.

    Returns ``{section: {server: {status, check, reason, seconds, sessions, address}}}``; None when HAProxy is down, and
    an error when it is up and does not answer. Sessions are those of the newest worker: the one before a reload keeps
    its own and is not asked.

    + status: UP, DOWN, MAINT, DRAIN, NOLB or "no check"
    + check: code of the last check, e.g. L7OK, L7STS, L4CON; INI before the first; "" without checks
    + reason: what the last check said, "" when all is well
    + seconds: how long the server has had its status
    """

    @staticmethod
    def default() -> None:
        """HAProxy does not run."""

    def command(self) -> str:
        """One question to the runtime socket; silence where the unit is not up."""
        # The arguments of "show stat": all sections, rows of servers only, all servers.
        return f"if systemctl is-active --quiet haproxy; then {runtime_query('show stat -1 4 -1')}; fi"

    def parsed(self, output: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """The rows by section and server."""
        rows = csv.DictReader([line.removeprefix("# ") for line in output if line])
        if missing := COLUMNS - set(rows.fieldnames or ()):
            raise FactProcessError(f"HAProxy's statistics lack {', '.join(sorted(missing))}: {output[0][:80]}")
        sections: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows:
            sections.setdefault(row["pxname"], {})[row["svname"]] = _server(row)
        return sections


def _server(row: Mapping[str, str]) -> dict[str, Any]:
    return {
        "status": re.sub(r" \d+/\d+$| \(.*\)$", "", row["status"]),  # "UP 1/2": one failed check short of DOWN
        "check": row["check_status"].removeprefix("* "),  # the asterisk: a check is under way
        "reason": row["last_chk"],
        "seconds": int(row["lastchg"] or 0),
        "sessions": int(row["scur"] or 0),
        "address": row["addr"],
    }
