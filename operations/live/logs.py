"""The logs of all hosts, read side by side and printed as one."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import gevent
from pyinfra.api.exceptions import PyinfraError

from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.journal import SeenJournal
from cluster.screens.journal import noted_runs, since_moment
from cluster.screens.log_lines import FILES, UNITS, LogLine
from cluster.screens.logs import LINES_OF_A_SOURCE, HostSaid, Span, log_data, log_screen, shown_lines
from facts.journald.logs import HostLogs
from facts.runs.journal import RunJournal
from operations.util.hosts import target_of
from operations.util.reading import run_each

READ_SECONDS = 60
# A clock that is behind has its lines under an earlier time; they are sorted out here.
CLOCK_ROOM_SECONDS = 300


@dataclass(frozen=True)
class SeenCluster:
    """The logs of one cluster. + hosts: by name; + lines: those that are asked for"""

    hosts: Mapping[str, HostSaid]
    lines: Sequence[LogLine]


def print_logs(clusters: Sequence[Cluster], span: Span) -> int:
    """Print what all hosts have logged. Returns the exit code: 1 when no host of a cluster answers."""
    if span.host and not any(node.name == span.host for cluster in clusters for node in cluster):
        known = ", ".join(node.name for cluster in clusters for node in cluster)
        raise ConfigError(f"host: {span.host} is no host of this inventory\nHINT: the hosts are {known}.")
    read = {cluster.name: read_logs(cluster, span) for cluster in clusters}
    if "--json" in sys.argv:
        told = {name: log_data(span, seen.hosts, seen.lines) for name, seen in read.items()}
        print(json.dumps({"clusters": told}, indent=2))
    else:
        found = [(one, read[one.name]) for one in clusters]
        print("\n".join(text for one, seen in found for text in _screen(one, span, seen)))
    return int(any(all(one.seen is None for one in seen.hosts.values()) for seen in read.values()))


def _screen(cluster: Cluster, span: Span, seen: SeenCluster) -> list[str]:
    return ["", *log_screen(cluster, span, seen.hosts, seen.lines), ""]


def span_of(since: str, until: str, **more: str | bool) -> Span:
    """
    The span that options ask for. Refuses one that is none.

    + since, until: as ``--data`` has them; + more: the other fields of ``Span``
    """
    now = datetime.now(UTC)
    begin, end = _moment(since, now, "since"), _moment(until, now, "until") if until else now.timestamp()
    if begin >= end:
        raise ConfigError(
            f"since: {since} is not before until: {until or 'now'}\nHINT: until=10min is ten minutes ago."
        )
    return Span(begin, end, **more)  # type: ignore[arg-type]


def _moment(word: str, now: datetime, option: str) -> float:
    return datetime.fromisoformat(since_moment(word, now, option)).timestamp()


def read_logs(cluster: Cluster, span: Span) -> SeenCluster:
    """What the hosts of a cluster have logged, all asked at the same time."""
    asked = [node for node in cluster if span.host in ("", node.name)]
    jobs = {node.name: gevent.spawn(_said, node, span) for node in asked}
    got = {name: job.get() for name, job in jobs.items()}
    hosts = {name: said for name, (said, _) in got.items()}
    runs = noted_runs({name: journal for name, (_, journal) in got.items()})
    return SeenCluster(hosts, shown_lines(span, hosts, runs))


def _said(node: Node, span: Span) -> tuple[HostSaid, SeenJournal | None]:
    limits = {"since": int(span.since) - CLOCK_ROOM_SECONDS, "until": int(span.until) + CLOCK_ROOM_SECONDS}
    command = HostLogs().command(**limits, units=tuple(UNITS), files=tuple(FILES), lines=LINES_OF_A_SOURCE)
    before = time.time()
    logs, journal = run_each(target_of(node), [command, str(RunJournal().command())], READ_SECONDS)
    if logs is None:
        return HostSaid(None), None
    try:
        seen = HostLogs().process(logs)
        noted = RunJournal().process(journal) if journal else RunJournal.default()
    except PyinfraError:
        return HostSaid(None), None
    # The script tells its clock first, a moment after it was sent.
    return HostSaid(seen, _ahead(seen["clock"], before, time.time())), noted


def _ahead(clock: float, before: float, after: float) -> float:
    """How far a clock is ahead: nothing where it is between the moments in which it was read."""
    return min(0.0, clock - before) if clock < after else clock - after
