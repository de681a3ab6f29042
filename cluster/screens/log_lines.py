"""The lines of all hosts' logs: whose they are, how grave, in one order, and those that repeat as one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from cluster.observed.logs import SeenLogLine
from cluster.screens.journal import NotedRun, act_words
from cluster.screens.log_patterns import meaning_of

# Which unit or file is whose; the first that fits counts. All of them are asked for.
UNITS: Mapping[str, str] = {
    "patroni.service": "patroni",
    "etcd*.service": "etcd",
    "haproxy.service": "haproxy",
    "pgbouncer@*.service": "pgbouncer",
    "keepalived.service": "keepalived",
    "frr.service": "bgp",
    "vip.service": "vip",
    "pgbackrest*.service": "pgbackrest",
    "chrony.service": "chrony",
}
FILES: Mapping[str, str] = {
    "/var/log/postgresql/*.log": "postgres",
    "/var/log/pgbackrest/*.log": "pgbackrest",
}
OTHERS = ("kernel", "run")
COMPONENTS = tuple(dict.fromkeys((*UNITS.values(), *FILES.values(), *OTHERS)))

TEXT_CHARACTERS = 240
# A line that comes again within this is one that repeats, whatever others say meanwhile.
REPEATS_SECONDS = 60

_GRAVE = re.compile(r"\b(WARNING|WARN|ERROR|FATAL|PANIC|CRITICAL|ALERT|EMERG)\b")
_CHANGING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{12,}|\d+")
# "UTC [2118] " before a line of PostgreSQL.
_PROCESS = re.compile(r"^(?:[A-Z+:0-9-]{2,9} )?\[\d+\] ")
# HAProxy says the same on its standard error, with this, and to syslog, without.
_TWICE = re.compile(r"^\[(?:WARNING|ALERT|NOTICE)\] +\(\d+\) : ")
_FIELDS = re.compile(r" [a-z][a-z-]*=")
_WARNING = 4  # of syslog


@dataclass(frozen=True)
class LogLine:
    """
    One line that is shown.

    + at: in seconds since 1970, by the control machine's clock
    + meaning: in words, where it has one
    + times, until: how often it came, and when last
    """

    at: float
    host: str
    component: str
    text: str
    meaning: str = ""
    times: int = 1
    until: float = 0.0

    @property
    def kind(self) -> tuple[str, str, str]:
        """By which it is known again: figures apart."""
        # What etcd says behind its sentence differs between the two streams of one connection.
        text = _FIELDS.split(self.text, maxsplit=1)[0] if self.component == "etcd" else self.text
        return self.host, self.component, _CHANGING.sub("#", text)


def component_of(unit: str) -> str:
    """Whose a unit or a file is; "" where it is nobody's."""
    known = {**UNITS, **FILES, "kernel": "kernel"}
    return next((name for pattern, name in known.items() if fnmatchcase(unit, pattern)), "")


def of_host(host: str, lines: Iterable[SeenLogLine], ahead: float, *, everything: bool) -> Iterator[LogLine]:
    """
    The lines of one host that matter.

    + ahead: seconds by which its clock is ahead of this machine's; + everything: those that do not matter as well
    """
    for one in lines:
        component = component_of(one["unit"])
        text, grave = _plain(component, one)
        meaning = meaning_of(component, text, grave=grave)
        if component and text and (everything or meaning is not None):
            yield LogLine(one["at"] - ahead, host, component, _cut(text), meaning or "")


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]} ..."


def _plain(component: str, one: SeenLogLine) -> tuple[str, bool]:
    """A line without what is the same in all of them, and whether it is a warning or worse."""
    text = "".join(part if part.isprintable() else " " for part in one["text"])
    if component == "etcd" and text.startswith("{"):
        return _etcd(text)
    if component == "postgres":
        text = _PROCESS.sub("", text)
    if component == "haproxy":
        return _TWICE.sub("", text), bool(_GRAVE.search(text[:120]))
    return text, bool(_GRAVE.search(text[:120])) or one.get("priority", 6) <= _WARNING


def _etcd(text: str) -> tuple[str, bool]:
    try:
        said: dict[str, Any] = json.loads(text)
    except ValueError:
        return text, True
    known = ("level", "ts", "caller", "logger", "msg", "steps", "stacktrace", "start", "end")
    more = " ".join(f"{name}={value}" for name, value in said.items() if name not in known)
    return f"{said.get('msg', '')} {more}".strip(), said.get("level") not in ("info", "debug")


def of_runs(runs: Iterable[NotedRun]) -> Iterator[LogLine]:
    """What runs of ours did, as lines beside the others."""
    for run in runs:
        began: Mapping[str, Any] = run.began or {}
        yield LogLine(_moment(run.at), "", "run", f"{began.get('what', 'a run')} begins, run {run.run}")
        for act in run.in_order:
            yield LogLine(_moment(act.began.get("at", "")), act.host, "run", _cut(act_words(act)))
        if run.ended is not None:
            end = "ended well" if run.ended.get("exit") == 0 else f"FAILED: {run.ended.get('why', '')}"
            yield LogLine(_moment(run.ended.get("at", "")), "", "run", f"run {run.run} {end}")


def _moment(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() if at else 0.0


def merged(lines: Iterable[LogLine]) -> list[LogLine]:
    """All lines in the order of time, those that repeat as one, where the first of them was."""
    found: list[LogLine] = []
    places: dict[tuple[str, str, str], int] = {}
    for one in sorted(lines, key=lambda line: line.at):
        place = places.get(one.kind)
        if place is not None and one.at - max(found[place].at, found[place].until) <= REPEATS_SECONDS:
            found[place] = replace(found[place], times=found[place].times + 1, until=one.at)
        else:
            places[one.kind] = len(found)
            found.append(one)
    return found
