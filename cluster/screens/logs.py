"""One view of all logs of a cluster, in the order of time: what one reads after an incident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.declared.model import Cluster
from cluster.observed.logs import SeenLogs
from cluster.screens.journal import NotedRun
from cluster.screens.log_lines import LogLine, merged, of_host, of_runs

# Below it the answer's own way explains it.
CLOCK_SECONDS = 0.5
LINES_OF_A_SOURCE = 20_000
DAY = "%Y-%m-%d"


@dataclass(frozen=True)
class Span:
    """What is asked for. + since, until: in seconds since 1970; + host, component: "": all; + everything: unfiltered"""

    since: float
    until: float
    host: str = ""
    component: str = ""
    everything: bool = False


@dataclass(frozen=True)
class HostSaid:
    """What one host said. + seen: None: it does not answer; + ahead: seconds by which its clock is ahead"""

    seen: SeenLogs | None
    ahead: float = 0.0


def shown_lines(span: Span, hosts: Mapping[str, HostSaid], runs: Iterable[NotedRun]) -> list[LogLine]:
    """All lines that are asked for, in order. + hosts: by name; + runs: of all journals"""
    found = [line for name, said in hosts.items() if said.seen is not None for line in _lines(name, said, span)]
    found += of_runs(runs)
    return merged(line for line in found if _is_asked_for(line, span))


def _lines(name: str, said: HostSaid, span: Span) -> Iterator[LogLine]:
    ahead = said.ahead if abs(said.ahead) > CLOCK_SECONDS else 0.0
    return of_host(name, said.seen["lines"] if said.seen else (), ahead, everything=span.everything)


def _is_asked_for(line: LogLine, span: Span) -> bool:
    return (
        span.since <= line.at <= span.until
        # What a run did as a whole is of no host.
        and (not span.host or line.host in (span.host, ""))
        and span.component in ("", line.component)
    )


def log_screen(cluster: Cluster, span: Span, hosts: Mapping[str, HostSaid], lines: Sequence[LogLine]) -> list[str]:
    """The view. + hosts: by name, those that were asked; + lines: ``shown_lines``"""
    answering = [name for name, said in hosts.items() if said.seen is not None]
    begin, end = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}" for at in (span.since, span.until))
    found = [f"{cluster.name}: the logs of {len(answering)} of {len(hosts)} hosts, {begin} to {end} UTC"]
    found += [f"  {remark}" for remark in remarks(hosts)]
    if not lines:
        return [*found, "", "  nothing that matters was logged; all=true shows the rest"]
    return [*found, "", *_rows(lines)]


def remarks(hosts: Mapping[str, HostSaid]) -> list[str]:
    """What a reader must know of what is missing, or stands elsewhere than it was."""
    return [remark for name, said in hosts.items() for remark in _remarks(name, said)]


def _remarks(name: str, said: HostSaid) -> Iterator[str]:
    if said.seen is None:
        yield f"{name} does not answer: what only it has logged is missing"
        return
    if abs(said.ahead) > CLOCK_SECONDS:
        way = "ahead" if said.ahead > 0 else "behind"
        yield f"{name}: its clock is {abs(said.ahead):.1f} s {way}; its lines are moved by that"
    for source, count in said.seen["counts"].items():
        if count >= LINES_OF_A_SOURCE:
            yield f"{name}: only the newest {count} lines of {source}; ask for a shorter span"
    for source in said.seen["unread"]:
        yield f"{name}: {source} could not be read"


def _rows(lines: Sequence[LogLine]) -> Iterator[str]:
    hosts, components = (max(len(getattr(one, name)) for one in lines) for name in ("host", "component"))
    day, known = "", set[tuple[str, str]]()
    for one in lines:
        at = datetime.fromtimestamp(one.at, UTC)
        if f"{at:{DAY}}" != day:
            day = f"{at:{DAY}}"
            yield f"  {day}"
        before = f"  {at:%H:%M:%S}.{at.microsecond // 1000:03}  {one.host:<{hosts}}  {one.component:<{components}}  "
        yield f"{before}{one.text}{_again(one)}"
        if one.meaning and (one.component, one.meaning) not in known:
            known.add((one.component, one.meaning))
            yield f"{'':{len(before)}}= {one.meaning}"


def _again(one: LogLine) -> str:
    return f"  ({one.times} times until {datetime.fromtimestamp(one.until, UTC):%H:%M:%S})" if one.times > 1 else ""


def log_data(span: Span, hosts: Mapping[str, HostSaid], lines: Iterable[LogLine]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "since": span.since,
        "until": span.until,
        "hosts": {
            name: {"answers": said.seen is not None, "clock_ahead_seconds": round(said.ahead, 3)}
            for name, said in hosts.items()
        },
        "remarks": remarks(hosts),
        "lines": [asdict(line) for line in lines],
    }
