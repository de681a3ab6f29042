"""How far a member's data go, also while its PostgreSQL is down: to the last record of WAL that is whole."""

from __future__ import annotations

import re

from cluster.measures import lsn_bytes
from cluster.observed.etcd import SeenWal
from facts.answer import ASK, Answer, answers
from facts.postgres_history import TURNS, turns_of
from facts.postgres_state import WHERE

# A control file knows the last checkpoint only; what came after it is in the WAL. On a newer timeline than the control
# file's, which a standby may have received before it was stopped, reading begins with that timeline's first segment.
_SCRIPT = r"""
bin=$(of bin_dir); data=$(of data_dir)
control() {{ env LC_ALL=C runuser -u postgres -- "$bin/pg_controldata" -D "$data"; }}
running() {{ runuser -u postgres -- "$bin/pg_ctl" status -D "$data"; }}
patroni() {{ systemctl show -p ActiveState --value patroni; }}
said=$(control)
value() {{ printf '%s\n' "$said" | sed -n "s/^$1: *//p"; }}
wal() {{
  from=$(value 'Latest checkpoint location') timeline=$(value "Latest checkpoint's TimeLineID")
  least=$(value 'Minimum recovery ending location')
  if [ "$least" != 0/0 ]; then from=$least timeline=$(value "Min recovery ending loc's timeline"); fi
  newest=$(ls "$data/pg_wal" | grep -xE '[0-9A-F]{{24}}' | cut -c1-8 | sort | tail -n 1)
  if [ -n "$newest" ] && [ $((0x$newest)) -gt "$timeline" ]; then
    first=$(ls "$data/pg_wal" | grep -xE "$newest[0-9A-F]{{16}}" | sort | head -n 1)
    size=$(value 'Bytes per WAL segment')
    from=$(printf '%X/%X' $((0x$(echo "$first" | cut -c9-16))) $((0x$(echo "$first" | cut -c17-24) * size)))
    timeline=$((0x$newest))
  fi
  echo "$timeline $from"
  runuser -u postgres -- "$bin/pg_waldump" -p "$data/pg_wal" -t "$timeline" -s "$from" 2>&1 | tail -n 2
}}
ask control printf '%s' "$said"
ask running running
ask turns turns "$data"
ask patroni patroni
if [ -n "$said" ] && ! running > /dev/null 2>&1; then ask wal wal; else echo 'wal|0|'; fi
"""

_LSN = r"([0-9A-F]+/[0-9A-F]+)"


class PostgresWal(Answer[SeenWal]):
    """
    How far the data of this member go, see ``SeenWal``. ``end`` is 0 while PostgreSQL runs, for it is moving.
    """

    def command(self) -> str:
        """One script; a host without Patroni's configuration has no data of ours."""
        nothing = 'for name in running turns patroni wal; do echo "$name|1|"; done'
        return WHERE.replace("echo 'control|1|'", f"echo 'control|1|'; {nothing}") + ASK + TURNS + _SCRIPT.format()

    def parsed(self, output: list[str]) -> SeenWal:
        """The answers as one picture."""
        found = answers(output, ("control", "running", "turns", "patroni", "wal"))
        lines = dict(re.findall(r"^([^:\n]+):\s+(.*)$", found["control"][1], re.MULTILINE))
        timeline, end = _end(found["wal"][1])
        return {
            "running": found["running"][0] == 0,
            "patroni": found["patroni"][1],
            "primary": lines.get("Database cluster state") in ("in production", "shut down", "shutting down"),
            "identifier": lines.get("Database system identifier"),
            "timeline": timeline or int(lines.get("Latest checkpoint's TimeLineID", 0)),
            "end": end,
            "turns": turns_of(found["turns"][1])[1] if found["turns"][0] == 0 else {},
        }


def _end(text: str) -> tuple[int, int]:
    """Timeline and position at which the WAL ends: where pg_waldump found no further record, or where it began."""
    if not text:
        return 0, 0
    first, *said = text.splitlines()
    timeline, began = first.split()
    stopped = re.search(rf"(?:error in WAL record at {_LSN}: .* at|find a valid record after) {_LSN}", "\n".join(said))
    records = re.findall(rf"lsn: {_LSN}", "\n".join(said))
    at = stopped[2] if stopped else records[-1] if records else began
    return int(timeline), lsn_bytes(at)
