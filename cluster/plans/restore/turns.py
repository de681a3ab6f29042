"""Timeline history: whether two timelines contain a target, because an earlier restore abandoned one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cluster.declared.model import Cluster
from cluster.obstacles import Obstacle
from cluster.plans.restore.target import Target

# PostgreSQL's word where a timeline ended because another member was promoted: what was beyond it nobody had but one.
_PROMOTED = "no recovery target specified"


@dataclass(frozen=True)
class GivenUp:
    """
    A timeline that a restore left.

    + end: where, in bytes; + until: the time of that in seconds, None where nobody says it
    + at: when the restore was, in seconds
    """

    timeline: int
    end: int
    until: float | None
    at: float | None


def given_up(cluster: Cluster, keys: Mapping[str, str]) -> Iterator[GivenUp]:
    """The timelines that restores left, as etcd has them. + keys: below the cluster's prefix"""
    for turn in json.loads(keys.get(cluster.key("history")) or "[]"):
        timeline, end, reason, at = [*turn, "", ""][:4]
        if reason and reason != _PROMOTED:
            yield GivenUp(int(timeline), int(end), _time_in(str(reason)), _seconds(str(at)))


def timelines_obstacle(cluster: Cluster, keys: Mapping[str, str], target: Target, timeline: int) -> Obstacle | None:
    """
    Why it is not known which data are meant, with the way out; None where there is one answer, or it was given.

    + keys: what etcd holds below the cluster's prefix
    + timeline: the one that the cluster is on
    """
    if target.timeline or target.kind not in ("time", "lsn"):
        return None
    for turn in given_up(cluster, keys):
        if turn.timeline < timeline and _is_on_both(turn, target):
            return Obstacle(
                f"{target} is on two timelines: on {turn.timeline}, which a restore left, and on {timeline}, which "
                f"goes on from there",
                f"--data timeline={turn.timeline} is for the data as they were then, "
                f"--data timeline={timeline} for those from which the cluster of today came",
            )
    return None


def _is_on_both(turn: GivenUp, target: Target) -> bool:
    if target.kind == "lsn":
        return target.position > turn.end
    return (turn.at is None or target.epoch < turn.at) and (turn.until is None or target.epoch > turn.until)


def _time_in(reason: str) -> float | None:
    """PostgreSQL's words of a recovery to a time: ``before 2026-11-21 14:30:00.5+00``."""
    found = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*", reason)
    return _seconds(found[0]) if found else None


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
