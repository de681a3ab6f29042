"""What is said when a whole cluster starts, and who led it last."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from cluster.declared.model import Cluster, Node
from cluster.measures import lsn_text
from cluster.observed.member_data import SeenData
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.data_positions import DataPosition, data_positions, may_start, position_of
from cluster.verdicts.health import leaders_timeline


def last_leader(cluster: Cluster, keys: Mapping[str, str] | None) -> str | None:
    """
    Who led last: whoever still holds the lock, else whoever the newest timeline began with.

    + keys: what etcd holds below the cluster's prefix; None when it does not say
    """
    known = keys or {}
    if (holder := known.get(cluster.key("leader"))) is not None:
        return holder
    turns = json.loads(known.get(cluster.key("history"), "[]"))
    # Before Patroni 2.1 there was no fifth column.
    return str(turns[-1][4]) if turns and len(turns[-1]) > 4 else None


def choice_lines(cluster: Cluster, seen: Mapping[str, SeenData], chosen: Node) -> list[str]:
    """With which member the start begins, and why. + seen: ``MemberData`` by member"""
    lines = [f"  {_data(name, one)}" for name, one in seen.items()]
    return [f"{cluster.name} starts with {chosen.name}", *lines, *_lost(data_positions(seen), chosen.name)]


def _lost(positions: Sequence[DataPosition], chosen: str) -> list[str]:
    """What is to be known where the one that led has less than another: its disk did not keep what it had written."""
    first = next(one for one in positions if one.name == chosen)
    led = [one for one in positions if one.led and one.timeline == first.timeline and one.whole]
    return [
        f"  note   {one.name} led, and has lost {first.records - one.records} bytes that {chosen} has"
        for one in led
        if one.records < first.records and not first.led
    ]


def _data(name: str, one: SeenData) -> str:
    if one["control"] is None:
        return f"{name}   has no data"
    found = position_of(name, one)
    return f"{name}   timeline {found.timeline}, WAL up to {lsn_text(found.reach)}, {one['control']['state']}"


def started_lines(
    cluster: Cluster, said: SeenPatroni, seen: Mapping[str, SeenData], without: Collection[str]
) -> list[str]:
    """
    How the cluster runs now.

    + said: ``PatroniCluster``; + seen: ``MemberData`` by member
    + without: members that were given up, or are not in this run
    """
    disabled = [name for name, one in seen.items() if not may_start(one)]
    return [
        f"{cluster.name} runs: {said['leader']} leads on timeline {leaders_timeline(said)}",
        *([f"  note   Patroni is disabled on {', '.join(disabled)}, which stays down"] if disabled else []),
        *([f"  note   {', '.join(without)} was left out; run this again when it is back"] if without else []),
    ]
