"""
What a probe saw as it went by: writes and reads in steps of time, each member's role, and the gap.

Standard library only, for the probe makes it in a process of its own. Moments are seconds since the probe began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cluster.endpoints.probe import Attempt, Outcome

# As fine as a picture shows, and never more steps than it has room for.
LEAST_STEP_SECONDS = 0.1
MOST_STEPS = 600
PRIMARY, STANDBY, STOPPED, UNREACHED = "primary", "standby", "not running", "no answer"
# Patroni 3.0 says "master".
_PRIMARIES = ("primary", "master", "leader")

Span = tuple[float, float]


@dataclass
class Timeline:
    """
    A measurement.

    + at: when it began, in seconds since 1970; + seconds: how long it was; + step: of the counts, in seconds
    + counts: by word (``acknowledged``, ``refused``, ``unknown``, ``reads``), how many in each step
    + gaps: by word (``writes``, ``reads``), the longest time without an answer
    + members: by name, what each was from when to when; none where Patroni is not reached from here
    + acts: from when to when, where, and what
    """

    at: float
    seconds: float
    step: float
    counts: dict[str, list[int]]
    gaps: dict[str, Span]
    members: dict[str, list[tuple[float, float, str]]] = field(default_factory=dict)
    acts: list[tuple[float, float, str, str]] = field(default_factory=list)
    cluster: str = ""
    title: str = ""


def timeline(
    at: float, started: float, ended: float, attempts: Sequence[Attempt], reads: Sequence[Sequence[float]]
) -> Timeline:
    """
    A measurement without members and acts.

    + at: ``started`` in seconds since 1970; + started, ended: of the monotonic clock, as the attempts and reads are
    + reads: moments of answers, for each reader
    """
    seconds = ended - started
    step = max(LEAST_STEP_SECONDS, seconds / MOST_STEPS)
    moments = {str(one): [x.ended - started for x in attempts if x.outcome is one] for one in Outcome}
    answered = [moment - started for listed in reads for moment in listed]
    counts = {word: binned(listed, seconds, step) for word, listed in {**moments, "reads": answered}.items()}
    gaps = {"writes": gap_of(moments["acknowledged"], seconds)}
    if reads:
        gaps["reads"] = max((gap_of([x - started for x in one], seconds) for one in reads), key=_length)
    return Timeline(at, seconds, step, counts, gaps)


def _length(span: Span) -> float:
    return span[1] - span[0]


def binned(moments: Iterable[float], seconds: float, step: float) -> list[int]:
    """How many moments are in each step. + seconds: how long it was"""
    found = [0] * max(1, round(seconds / step))
    for moment in moments:
        if 0 <= moment <= seconds:
            found[min(len(found) - 1, int(moment / step))] += 1
    return found


def gap_of(moments: Iterable[float], seconds: float) -> Span:
    """The longest time without an answer, beginning and end of the measurement counting as one."""
    within = sorted(moment for moment in moments if 0 < moment < seconds)
    return max(pairwise([0.0, *within, seconds]), key=_length)


def state_of(said: Mapping[str, Any] | None) -> str:
    """What a member is at a moment. + said: its Patroni's answer; None: there was none"""
    if said is None:
        return UNREACHED
    if said.get("state") not in ("running", "streaming"):
        return STOPPED
    return PRIMARY if said.get("role") in _PRIMARIES else STANDBY


def spans_of(seen: Sequence[tuple[float, str]], seconds: float) -> list[tuple[float, float, str]]:
    """
    From when to when a member was what. Each state begins where it was seen first.

    + seen: moments in their order with the state then
    """
    found: list[tuple[float, float, str]] = []
    for moment, state in seen:
        moment = min(max(moment, 0.0), seconds)
        if found and found[-1][2] == state:
            continue
        if found:
            found[-1] = (found[-1][0], moment, found[-1][2])
        found.append((moment if found else 0.0, seconds, state))
    return [one for one in found if one[1] > one[0]]
