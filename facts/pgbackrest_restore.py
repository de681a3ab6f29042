"""What a member knows of a restore: its order, how far it is, and what came of it."""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

from cluster.observed.restore import SeenRestore
from facts.answer import ASK, Answer, answers

# Beyond a reboot, and for root alone: a file here may hold the verifiers of passwords.
STATE = "/var/lib/pyinfra-patroni/restore"
UNIT = "pgbackrest-restore"

# The unit first: one that ends while the others are asked has left its result by then.
_SCRIPT = r"""
end=$(( $(date +%s) + {seconds} ))
while systemctl is-active --quiet {unit} && [ "$(date +%s)" -lt "$end" ]; do sleep 0.2; done
text() {{ [ ! -e {state}/$1 ] || cat {state}/$1; }}
kind() {{ systemctl show -p ActiveState --value $1; }}
far() {{
  ps -eo args= | sed -n 's/^postgres: .*startup *recovering \([0-9A-F]*\).*/recovers \1/p' | head -n 1 | grep . ||
    echo "$(du -sm {data} 2> /dev/null | cut -f1) MiB there"
}}
words() {{ journalctl -u {unit} -n 300 --no-pager -o cat | grep -E 'ERROR: |FATAL: ' | tail -n 1; }}
room() {{
  d={data}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  echo $(( $(df -Pk "$d" | awk 'NR == 2 {{ print int($4 / 1024) }}') + $(du -sm "$d" 2> /dev/null | cut -f1) ))
}}
spaces() {{ for l in {data}/pg_tblspc/*; do [ ! -L "$l" ] || readlink "$l"; done; }}
ask unit kind {unit}
ask order text order.json
ask result text result
ask begun ls {state}/begun
ask patroni kind patroni
ask error words
ask far {far}
ask room {room}
ask spaces spaces
ask now date +%s
"""


class RestoreState(Answer[SeenRestore]):
    """
    A restore as this member knows it, live.

    + data: the data directory
    + wait_seconds: for how long the end of the unit that restores is waited for
    + room: also how much data there is room for, which takes a look at all files
    """

    def command(self, data: str, wait_seconds: int = 0, room: bool = False) -> str:
        """One script of short questions."""
        script = _SCRIPT.format(
            seconds=wait_seconds,
            unit=UNIT,
            state=STATE,
            data=quote(data),
            far="far" if wait_seconds else "true",
            room="room" if room else "echo 0",
        )
        return ASK + script

    def parsed(self, output: list[str]) -> SeenRestore:
        """The answers as one picture."""
        names = ("order", "result", "begun", "unit", "patroni", "error", "far", "room", "spaces", "now")
        found = answers(output, names)
        failed = found["unit"][1] == "failed"
        order = found["order"][1]
        return {
            "order": json.loads(order) if order else None,
            "begun": found["begun"][0] == 0,
            "result": _result(found["result"][1]),
            "running": found["unit"][1] in ("active", "activating", "deactivating"),
            "failed": failed,
            "error": found["error"][1].partition("ERROR: ")[2] or found["error"][1] if failed else "",
            "progress": found["far"][1],
            "patroni": found["patroni"][1],
            "now": int(found["now"][1]),
            "room_mib": int(found["room"][1]),
            "tablespaces": sorted(found["spaces"][1].splitlines()),
        }


def _result(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    timeline, lsn, time = text.split("|")
    return {"timeline": int(timeline), "lsn": lsn, "time": time}
