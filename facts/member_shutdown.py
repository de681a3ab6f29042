"""A member for those who stop and start whole clusters: what runs, who was what, and how far its data go."""

from __future__ import annotations

import json
import re
from shlex import quote
from typing import Any

from cluster.measures import lsn_bytes
from cluster.observed.shutdown import SeenPower
from facts.answer import ASK, Answer, answers
from facts.pgbackrest_restore import STATE
from facts.postgres_history import TURNS, turns_of

# The WAL of a checkpoint interval; whatever cannot be read in that time counts as far as pg_controldata says.
WAL_SECONDS = 120

# A number in postmaster.pid may be a dead server's and somebody else's by now: a server works in its data directory.
RUNS = "p=$(head -n 1 {data}/postmaster.pid 2>/dev/null) && [ /proc/$p/cwd -ef {data} ]"

_SCRIPT = r"""
d={data}; b={programs}
as() {{ cd / && LC_ALL=C runuser -u postgres -- "$@"; }}
unit() {{ systemctl show -p ActiveState -p UnitFileState patroni; }}
held() {{ grep -q '^State:.T' "/proc/$(systemctl show -p MainPID --value patroni)/status"; }}
data() {{
  if [ ! -e "$d" ]; then echo absent; elif ! files=$(ls -A "$d"); then return 1
  elif [ -z "$files" ]; then echo empty; else echo there; fi
}}
runs() {{ {runs}; }}
sql() {{ as psql -XAtq -h /var/run/postgresql -p {port} -d postgres -c "$1"; }}
control() {{ as "$b/pg_controldata" -D "$d"; }}
field() {{ control | sed -n "s/^$1: *//p"; }}
# Neither pg_controldata nor a standby that is down knows what was received last: only the WAL itself does.
wal() {{
  as timeout {seconds} "$b/pg_waldump" -q -p "$d/pg_wal" -t "$(field "Latest checkpoint's TimeLineID")" \
    -s "$(field "Latest checkpoint's REDO location")"
}}
end=$(( $(date +%s) + {wait} ))
while [ "$(date +%s)" -lt "$end" ] && [ "$(sql "select pg_last_wal_replay_lsn() - '0/0' <= {beyond}" 2>&1)" = t ]; do
  sleep 0.1
done
ask unit unit
ask held held
ask restoring ls {state}/order.json
ask data data
ask runs runs
ask sql sql {question}
ask control control
ask turns turns "$d"
[ -e "$d/PG_VERSION" ] && ! runs && ask wal wal || ask wal true
"""

_QUESTION = """
select json_build_object('in_recovery', pg_is_in_recovery(),
  'received', pg_last_wal_receive_lsn() - '0/0'::pg_lsn, 'replayed', pg_last_wal_replay_lsn() - '0/0'::pg_lsn)
"""


class MemberPower(Answer[SeenPower]):
    """
    One member's unit, PostgreSQL, control file and WAL, also while all of it is down.

    + data: the data directory; + programs: of PostgreSQL; + port: where it listens
    + beyond, wait_seconds: a position in bytes, and for how long it is waited until a standby has replayed past it
    """

    def command(self, data: str, programs: str, port: int, beyond: int = 0, wait_seconds: int = 0) -> str:
        """One script of short questions, and a look through the WAL when the server is down."""
        return (
            ASK
            + TURNS
            + _SCRIPT.format(
                data=quote(data),
                programs=quote(programs),
                port=port,
                runs=RUNS.format(data=quote(data)),
                seconds=WAL_SECONDS,
                beyond=beyond,
                wait=wait_seconds,
                state=STATE,
                question=quote(" ".join(_QUESTION.split())),
            )
        )

    def parsed(self, output: list[str]) -> SeenPower:
        """The answers as one picture."""
        found = answers(output, ("unit", "held", "restoring", "data", "runs", "sql", "control", "turns", "wal"))
        unit = dict(line.split("=", 1) for line in found["unit"][1].splitlines())
        said: dict[str, Any] = json.loads(found["sql"][1]) if found["sql"][0] == 0 else {}
        data = found["data"]
        return {
            "patroni": unit["ActiveState"],
            "enabled": unit["UnitFileState"],
            "held": found["held"][0] == 0,
            "restoring": found["restoring"][0] == 0,
            "data": data[1] if data[0] == 0 else "unreadable",
            "server": found["runs"][0] == 0,
            "in_recovery": said.get("in_recovery"),
            "received": said.get("received"),
            "replayed": said.get("replayed"),
            "control": _control(*found["control"]),
            "end": _end(found["wal"][1]),
            "turns": turns_of(found["turns"][1])[1],
        }


def _control(code: int, text: str) -> dict[str, Any] | None:
    if code != 0:
        return None
    lines = dict(re.findall(r"^([^:\n]+):\s+(.*)$", text, re.MULTILINE))
    ends = ("Latest checkpoint location", "Minimum recovery ending location")
    followed = int(lines.get("Min recovery ending loc's timeline", "0"))
    return {
        "identifier": lines["Database system identifier"],
        "state": lines["Database cluster state"],
        "timeline": max(int(lines["Latest checkpoint's TimeLineID"]), followed),
        "checkpoint": lsn_bytes(lines[ends[0]]),
        "recovered": lsn_bytes(lines.get(ends[1], "0/0")),
    }


def _end(text: str) -> int:
    """pg_waldump reads until there is nothing, and says where that was: the last position in its complaint."""
    found = re.findall(r" at ([0-9A-F]+/[0-9A-F]+)", text)
    return lsn_bytes(found[-1]) if found else 0


class ClustersNamed(Answer[list[str]]):
    """
    The clusters that a host's own files name, Patroni's and etcd's of this project; empty where there are none.

    + etcd_above: the directory above etcd's data, which has the cluster's name
    """

    def command(self, etcd_above: str) -> str:
        """Two words of two files."""
        etcd = f"sed -n 's#^ETCD_DATA_DIR={etcd_above}/##p' /etc/default/etcd"
        scope = "sed -n 's/^scope: *//p' /etc/patroni/config.yml"
        return f'{{ {scope}; {etcd}; }} 2>/dev/null | tr -d "\'\\""; true'

    @staticmethod
    def default() -> list[str]:
        """Nothing of ours lies there."""
        return []

    def parsed(self, output: list[str]) -> list[str]:
        """A name a line."""
        return [line for line in output if line]
