"""What a member's PostgreSQL complained of last, in its own log and in Patroni's journal; read while it is down."""

from __future__ import annotations

import re
from datetime import datetime
from shlex import quote

from cluster.observed.cause import SeenCause, SeenWords
from facts.answer import ASK, Answer, answers
from facts.member_data import RUNS

# PostgreSQL has a log file only once it has begun to collect it; what it ends with before that is in Patroni's journal,
# and so is what the program says that copies a member's data.
_SCRIPT = r"""
runs() {{ {runs}; }}
f=$(ls -t {logs} 2>/dev/null | head -n 1)
some() {{ grep -E {pattern} | tail -n 100; }}
journal() {{ journalctl -u patroni --since=-{seconds}s -n 4000 -o short-unix --no-pager 2>/dev/null | some; }}
log() {{ [ -z "$f" ] || tail -n 2000 "$f" | some; }}
last() {{ [ -z "$f" ] || {{ stat -c %Y "$f"; tail -n 1 "$f"; }}; }}
for name in runs journal log last; do ask $name $name; done
ask now date +%s
"""
LOGS = "/var/log/postgresql/*.log"
PATTERN = r"(FATAL|PANIC|LOG|ERROR):  |pg_basebackup: error: "
# What is older says nothing about what is tried again and again.
SECONDS = 600
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class PostgresCause(Answer[SeenCause]):
    """
    Whether PostgreSQL runs here, and its complaints of the last minutes, see ``SeenCause``.

    + data: the data directory
    + logs: a shell pattern of PostgreSQL's log files
    """

    def command(self, data: str, logs: str = LOGS) -> str:
        """One script; the lines that say nothing of a failure stay there."""
        runs = RUNS.format(data=quote(data))
        return ASK + _SCRIPT.format(runs=runs, logs=logs, pattern=quote(PATTERN), seconds=SECONDS)

    def parsed(self, output: list[str]) -> SeenCause:
        """The lines of both, by their age."""
        found = answers(output, ("runs", "journal", "log", "last", "now"))
        now = float(found["now"][1])
        changed, _, last = found["last"][1].partition("\n")
        said = [*_of_journal(found["journal"][1], now), *_of_log(found["log"][1], last, now - float(changed or now))]
        recent = [one for one in said if one["age"] <= SECONDS]
        recent.reverse()  # of one moment the last line is the newest
        return {"running": found["runs"][0] == 0, "said": sorted(recent, key=lambda one: one["age"])}


def _of_journal(text: str, now: float) -> list[SeenWords]:
    lines = (re.match(r"(\d+\.\d+) \S+ [^:]+: (.*)", line) for line in text.splitlines())
    return [{"age": now - float(found[1]), "text": found[2]} for found in lines if found]


def _of_log(text: str, last: str, idle: float) -> list[SeenWords]:
    """
    Lines of a log whose stamps are of an unknown time zone: compared with the last one's, which the file's age dates.

    + last: line of the file; + idle: seconds since the file changed
    """
    end = _stamp(last)
    ages = ((line, _stamp(line)) for line in text.splitlines())
    return [{"age": idle + ((end - at) if end and at else 0.0), "text": line} for line, at in ages]


def _stamp(line: str) -> float | None:
    found = _STAMP.search(line)
    return datetime.fromisoformat(f"{found[0]}+00:00").timestamp() if found else None
