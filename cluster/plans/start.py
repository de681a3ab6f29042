"""What is said when a whole cluster starts, and who led it last."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from cluster.declared.model import Cluster, Node
from cluster.measures import lsn_text
from cluster.observed.patroni import SeenPatroni
from cluster.observed.shutdown import SeenPower
from cluster.verdicts.data_positions import may_start, reach
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


def choice_lines(cluster: Cluster, seen: Mapping[str, SeenPower], chosen: Node) -> list[str]:
    """With which member the start begins, and why. + seen: ``MemberPower`` by member"""
    return [f"{cluster.name} starts with {chosen.name}", *(f"  {_data(name, one)}" for name, one in seen.items())]


def _data(name: str, one: SeenPower) -> str:
    control = one["control"]
    if control is None:
        return f"{name}   has no data"
    return f"{name}   timeline {control['timeline']}, WAL up to {lsn_text(reach(one))}, {control['state']}"


def started_lines(
    cluster: Cluster, said: SeenPatroni, seen: Mapping[str, SeenPower], without: Collection[str]
) -> list[str]:
    """
    How the cluster runs now.

    + said: ``PatroniCluster``; + seen: ``MemberPower`` by member
    + without: members that were given up, or are not in this run
    """
    disabled = [name for name, one in seen.items() if not may_start(one)]
    return [
        f"{cluster.name} runs: {said['leader']} leads on timeline {leaders_timeline(said)}",
        *([f"  note   Patroni is disabled on {', '.join(disabled)}, which stays down"] if disabled else []),
        *([f"  note   {', '.join(without)} was left out; run this again when it is back"] if without else []),
    ]
