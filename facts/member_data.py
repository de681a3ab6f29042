"""How far a member's data go, what runs on them and who was what: also while all of it is down."""

from __future__ import annotations

import re
from shlex import quote
from typing import Any

from cluster.measures import lsn_bytes
from cluster.observed.member_data import SeenData
from facts.answer import ASK, Answer, answers
from facts.pgbackrest_restore import STATE
from facts.postgres import PSQL_SECONDS, control_lines, json_line

# The WAL of a checkpoint interval; whatever cannot be read in that time counts as far as pg_controldata says.
WAL_SECONDS = 120

# A number in postmaster.pid may be a dead server's and somebody else's by now: a server works in its data directory.
# In a container root may not see where the processes of others work, and their owner may.
RUNS = (
    "p=$(head -n 1 {data}/postmaster.pid 2>/dev/null) && "
    "{{ [ /proc/$p/cwd -ef {data} ] || runuser -u postgres -- test /proc/$p/cwd -ef {data} 2>/dev/null; }}"
)

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
sql() {{ as timeout {answer} psql -XAtq -h /var/run/postgresql -p {port} -d postgres -c "$1"; }}
control() {{ as "$b/pg_controldata" -D "$d"; }}
field() {{ printf '%s\n' "$said" | sed -n "s/^$1: *//p"; }}
# Neither pg_controldata nor a standby that is down knows what was received last: only the WAL itself does. A standby
# may have received a newer timeline than its control file knows: reading begins with its first segment then.
wal() {{
  said=$(control) || return 1
  from=$(field 'Latest checkpoint location') timeline=$(field "Latest checkpoint's TimeLineID")
  least=$(field 'Minimum recovery ending location')
  if [ "$least" != 0/0 ]; then from=$least timeline=$(field "Min recovery ending loc's timeline"); fi
  newest=$(ls "$d/pg_wal" | grep -xE '[0-9A-F]{{24}}' | cut -c1-8 | sort | tail -n 1)
  if [ -n "$newest" ] && [ $((0x$newest)) -gt "$timeline" ]; then
    first=$(ls "$d/pg_wal" | grep -xE "$newest[0-9A-F]{{16}}" | sort | head -n 1)
    size=$(field 'Bytes per WAL segment')
    from=$(printf '%X/%X' $((0x$(echo "$first" | cut -c9-16))) $((0x$(echo "$first" | cut -c17-24) * size)))
    timeline=$((0x$newest))
  fi
  echo "$timeline $from"
  as timeout {seconds} "$b/pg_waldump" -p "$d/pg_wal" -t "$timeline" -s "$from" 2>&1 | tail -n 2
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
  'written', case when not pg_is_in_recovery() then pg_current_wal_lsn() - '0/0'::pg_lsn end,
  'received', pg_last_wal_receive_lsn() - '0/0'::pg_lsn, 'replayed', pg_last_wal_replay_lsn() - '0/0'::pg_lsn,
  'replayed_at', pg_last_xact_replay_timestamp()::text)
"""

_LSN = r"([0-9A-F]+/[0-9A-F]+)"

# A function of the shell: the newest history file of a data directory, then a line for each earlier timeline.
TURNS = r"""
turns() {
  h=$(ls "$1/pg_wal" 2>/dev/null | grep -E '^[0-9A-F]{8}[.]history$' | tail -n 1)
  [ -z "$h" ] || { echo "$h"; awk '$1 ~ /^[0-9]+$/ { print $1 ":" $2 }' "$1/pg_wal/$h"; }
}
"""


class MemberData(Answer[SeenData]):
    """
    One member's unit, PostgreSQL, control file and WAL, also while all of it is down. See ``SeenData``.

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
                answer=PSQL_SECONDS,
                beyond=beyond,
                wait=wait_seconds,
                state=STATE,
                question=quote(" ".join(_QUESTION.split())),
            )
        )

    def parsed(self, output: list[str]) -> SeenData:
        """The answers as one picture."""
        found = answers(output, ("unit", "held", "restoring", "data", "runs", "sql", "control", "turns", "wal"))
        unit = dict(line.split("=", 1) for line in found["unit"][1].splitlines())
        said = json_line(found["sql"][1]) if found["sql"][0] == 0 else {}
        data = found["data"]
        timeline, end, whole = _end(found["wal"][1])
        return {
            "patroni": unit["ActiveState"],
            "enabled": unit["UnitFileState"],
            "held": found["held"][0] == 0,
            "restoring": found["restoring"][0] == 0,
            "data": data[1] if data[0] == 0 else "unreadable",
            "server": found["runs"][0] == 0,
            "in_recovery": said.get("in_recovery"),
            "written": said.get("written"),
            "received": said.get("received"),
            "replayed": said.get("replayed"),
            "replayed_at": said.get("replayed_at") or "",
            "control": _control(*found["control"]),
            "turns": turns_of(found["turns"][1])[1],
            "timeline": timeline,
            "end": end,
            "whole": whole,
        }


def _control(code: int, text: str) -> dict[str, Any] | None:
    if code != 0:
        return None
    lines = control_lines(text)
    ends = ("Latest checkpoint location", "Minimum recovery ending location")
    followed = int(lines.get("Min recovery ending loc's timeline", "0"))
    return {
        "identifier": lines["Database system identifier"],
        "state": lines["Database cluster state"],
        "timeline": max(int(lines["Latest checkpoint's TimeLineID"]), followed),
        "checkpoint": lsn_bytes(lines[ends[0]]),
        "recovered": lsn_bytes(lines.get(ends[1], "0/0")),
    }


def _end(text: str) -> tuple[int, int, bool]:
    """
    Timeline and position at which the WAL ends, and whether that is its end: where pg_waldump found no further record.
    There may be more where it was cut off by its time, or lacked a segment: of the last record before that it says
    where it begins.
    """
    if not text:
        return 0, 0, False
    first, *rest = text.splitlines()
    timeline, began = first.split()
    said = "\n".join(rest)
    stopped = re.search(rf"(?:error in WAL record at {_LSN}: .* at|find a valid record after) {_LSN}", said)
    records = re.findall(rf"lsn: {_LSN}", said)
    at = stopped[2] if stopped else records[-1] if records else began
    return int(timeline), lsn_bytes(at), bool(stopped)


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


def turns_of(text: str) -> tuple[int, dict[int, int]]:
    """The timeline of the history file, 0 when there is none, and the position in bytes at which each was left."""
    name, *lines = text.split() or [""]
    turns = {int(turn): lsn_bytes(end) for turn, _, end in (line.partition(":") for line in lines)}
    return int(name[:8] or "0", 16), turns
