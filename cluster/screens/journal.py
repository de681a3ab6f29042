"""What runs did, told by the journals of all hosts together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.observed.journal import SeenEntry, SeenJournal

_SPANS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_KILLED = "NO END: it was killed, or goes on"


@dataclass
class NotedAct:
    """One command of a run. + began: before it; + done: after it, None when that was never noted"""

    host: str
    began: SeenEntry
    done: SeenEntry | None = None


@dataclass
class NotedRun:
    """One run. + began, ended: None where no host that answers has it any more, or not yet"""

    run: str
    began: SeenEntry | None = None
    ended: SeenEntry | None = None
    acts: dict[tuple[str, int], NotedAct] = field(default_factory=dict)

    @property
    def at(self) -> str:
        """When it began, as far as that is known."""
        first = self.began or next((act.began for act in self.acts.values()), None) or self.ended
        return first.get("at", "") if first is not None else ""

    @property
    def in_order(self) -> list[NotedAct]:
        """Its acts, as it counted them."""
        return sorted(self.acts.values(), key=lambda act: act.began.get("n", 0))


def noted_runs(journals: Mapping[str, SeenJournal | None]) -> list[NotedRun]:
    """
    The runs of all hosts' journals, each once, the newest last.

    + journals: by host name; None for a host that gives no answer
    """
    found: dict[str, NotedRun] = {}
    for name, journal in journals.items():
        for entry in journal["entries"] if journal is not None else ():
            _add(found.setdefault(entry["run"], NotedRun(entry["run"])), name, entry)
    return sorted(found.values(), key=lambda one: one.at)


def _add(run: NotedRun, name: str, entry: SeenEntry) -> None:
    place = (name, entry.get("n", 0))
    if entry["event"] == "begin":
        run.began = run.began or entry
    elif entry["event"] == "end":
        run.ended = run.ended or entry
    elif entry["event"] == "act":
        run.acts[place] = NotedAct(name, entry)
    elif entry["event"] == "done" and place in run.acts:
        run.acts[place].done = entry


def since_moment(word: str, now: datetime, option: str = "since") -> str:
    """
    The moment from which on runs are shown, as entries have it; "": from the first. Refuses what is no moment.

    + word: ``90s``, ``90m`` or ``90min``, ``12h``, ``7d``, or a date and perhaps a time in UTC
    + option: that gives it
    """
    if not word:
        return ""
    if span := re.fullmatch(r"(\d{1,6})(s|min|m|h|d)", word):
        return f"{now.astimezone(UTC) - timedelta(**{_SPANS[span[2]]: int(span[1])}):%Y-%m-%dT%H:%M:%SZ}"
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise ConfigError(
            f"{option}: {word} is no moment\n"
            f"HINT: --data {option}=12h, {option}=7d or {option}=2026-11-26T10:00 (UTC) is one."
        ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def shown_runs(runs: Iterable[NotedRun], since: str, most: int) -> list[NotedRun]:
    """The newest of the runs. + since: as ``since_moment`` says it; + most: how many of them"""
    return [run for run in runs if run.at >= since][-most:]


def journal_lines(cluster: Cluster, journals: Mapping[str, SeenJournal | None], runs: Sequence[NotedRun]) -> list[str]:
    """The screen. + runs: those that are shown"""
    silent = [name for name, journal in journals.items() if journal is None]
    unread = {name: journal["unread"] for name, journal in journals.items() if journal is not None}
    lines = [f"{cluster.name}: the journals of {len(journals) - len(silent)} of {len(journals)} hosts"]
    lines += [f"  {name} does not answer: what only it has noted is missing" for name in silent]
    lines += [f"  {name}: {count} lines cannot be read" for name, count in unread.items() if count]
    for run in runs:
        lines += ["", *_run_lines(run)]
    return lines if runs else [*lines, "", "  no run was noted"]


def _run_lines(run: NotedRun) -> Iterator[str]:
    began: Mapping[str, Any] = run.began or {}
    version = f", version {began['version']}" if "version" in began else ""
    yield f"  {_time(run.at)}  {began.get('what', 'a run')} by {began.get('who', 'unknown')}, run {run.run}{version}"
    width = max((len(act.host) for act in run.acts.values()), default=0)
    for act in run.in_order:
        yield f"    {act.host:<{width}}  {act_words(act)}"
    yield f"    {_ending(run.ended)}"


def act_words(act: NotedAct) -> str:
    """An act in a line, without its host."""
    return f"{act.began.get('operation', '')}{_what(act.began)}: {_outcome(act.done)}"


def _time(at: str) -> str:
    return f"{at.replace('T', ' ').removesuffix('Z')} UTC" if at else "at an unknown time"


def _what(act: Mapping[str, Any]) -> str:
    what = f", {act['what']}" if "what" in act else ""
    return f"{what} ({_change(act['before'], act['after'])})" if "before" in act and "after" in act else what


def _change(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        return ", ".join(f"{name} {_change(before.get(name), value)}" for name, value in after.items())
    return " -> ".join("(unset)" if one is None else str(one) for one in (before, after))


def _outcome(done: SeenEntry | None) -> str:
    if done is None:
        return "no end was noted"
    took = f"{done.get('seconds', 0)} s"
    return took if done.get("exit") == 0 else f"FAILED with exit code {done.get('exit')} after {took}"


def _ending(ended: SeenEntry | None) -> str:
    if ended is None:
        return _KILLED
    acts = ended.get("acts", 0)
    did = f"{acts} acts" if acts > 1 else "1 act" if acts else "nothing was to be done"
    result = "ended well" if ended.get("exit") == 0 else f"FAILED: {ended.get('why', 'no reason was noted')}"
    return f"{result} after {ended.get('seconds', 0)} s, {did}"


def journal_data(
    cluster: Cluster, journals: Mapping[str, SeenJournal | None], runs: Iterable[NotedRun]
) -> dict[str, Any]:
    """The same for machines."""
    return {
        "hosts": {node.name: journals.get(node.name) is not None for node in cluster},
        "runs": [
            {
                "run": run.run,
                "began": run.began,
                "ended": run.ended,
                "acts": [{"host": act.host, "began": act.began, "done": act.done} for act in run.in_order],
            }
            for run in runs
        ],
    }
