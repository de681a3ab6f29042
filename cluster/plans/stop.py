"""Whether a whole cluster may be stopped now, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from cluster.declared.model import Cluster
from cluster.finding_types.finding_type import RUN
from cluster.measures import lsn_text
from cluster.observed.member_data import SeenData
from cluster.obstacles import Obstacle, refuse
from cluster.verdicts.data_positions import is_running, primary_of
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import (
    ETCD,
    LEADER,
    REMOVAL,
    RESTORE,
    backup_obstacles,
    cluster_obstacles,
    restore_obstacles,
)
from cluster.verdicts.standby_role import is_standby


def is_stopped(seen: Mapping[str, SeenData]) -> bool:
    """Whether nothing runs on any member. + seen: ``MemberData`` by member"""
    return not any(is_running(one) for one in seen.values())


def is_under_way(seen: Mapping[str, SeenData]) -> bool:
    """Whether a stop was begun: nobody else suspends Patroni."""
    return any(one["held"] for one in seen.values())


def refuse_stop(
    cluster: Cluster, live: Live, seen: Mapping[str, SeenData], absent: Iterable[str], *, force: bool = False
) -> None:
    """
    Refuse, with all reasons, to stop the cluster now. A stop that was begun is gone on with.

    + live: of the members in this run; + seen: ``MemberData`` of them
    + absent: members that are not in this run; one that lives would take over
    + force: a backup under way breaks off
    """
    found = list(_alive(cluster, live, absent))
    found += restore_obstacles(name for name, one in seen.items() if one["restoring"])
    if not is_stopped(seen) and not is_under_way(seen):
        # To what is stopped, a host that is half way out and an etcd without its quorum do no harm.
        found += cluster_obstacles(cluster, live, without=(RESTORE, REMOVAL, ETCD, LEADER))
        found += [*_unled(live, seen), *backup_obstacles(live, seen, force=force)]
    refuse(f"{cluster.name} is not stopped now", found)


def _alive(cluster: Cluster, live: Live, absent: Iterable[str]) -> Iterator[Obstacle]:
    for name in absent:
        if live.member(name) is not None or cluster.key("members", name) in live.keys:
            yield Obstacle(
                f"{name} is not in this run and etcd knows its Patroni, which would take over",
                "run without --limit; one that is dead is forgotten by etcd within patroni_ttl seconds",
            )


def _unled(live: Live, seen: Mapping[str, SeenData]) -> Iterator[Obstacle]:
    if not live.patroni["answers"]:
        return
    asked = next((text for key, text in live.keys.items() if key.endswith("/failover")), None)
    if asked is not None and not live.patroni["scheduled_switchover"] and not _is_done(live, asked):
        yield Obstacle("a switchover is under way", "wait until it is over")
    follows = is_standby(live.patroni["config"])
    if live.leader is None or (not follows and primary_of(seen) != live.leader):
        yield Obstacle("there is no leader", f"wait for the election; `{RUN}/check.py` says what keeps it")


def _is_done(live: Live, asked: str) -> bool:
    """
    Whether the switchover has been. Its key stays for seconds after the one that it names leads no more, and then
    Patroni does not remove it, but lets it name nobody.
    """
    order = json.loads(asked or "{}")
    if not (order.get("leader") or order.get("member")):
        return True
    return live.leader is not None and order.get("leader") not in (None, live.leader)


def stop_lines(
    cluster: Cluster,
    seen: Mapping[str, SeenData],
    clients: int,
    absent: Iterable[str],
    waiting: Iterable[str] = (),
) -> list[str]:
    """
    What the operator should know before it happens.

    + clients: connections over the network that end
    + absent: members that are not in this run
    + waiting: what the next start makes active, as ``activated`` has it
    """
    if is_stopped(seen):
        return [f"no member of {cluster.name} runs; the rest of it is stopped"]
    down = [name for name, one in seen.items() if not is_running(one)]
    last = f"PostgreSQL on {primary_of(seen) or 'the member that led'}, and the others when they have all of it"
    return [
        f"{cluster.name} is stopped: {clients} client connections are closed, and no new ones accepted until it starts",
        "  first  HAProxy, and the timers of the backups",
        f"  then   {last if cluster.source is None else 'PostgreSQL on the standbys, then on the standby leader'}",
        "  last   pgBackRest's server, and etcd",
        "  note   all of it starts again at the next boot, or with deploys/start.py",
        *(f"  note   {line}" for line in waiting),
        *([f"  note   {', '.join(down)} is down already"] if down else []),
        *([f"  note   {', '.join(absent)} is not in this run and stays as it is"] if absent else []),
    ]


def stopped_lines(cluster: Cluster, seen: Mapping[str, SeenData]) -> list[str]:
    """Where everybody ended, as pg_controldata says. + seen: ``MemberData`` by member, all of them down"""
    ends = {name: (one["control"]["timeline"], one["control"]["checkpoint"]) for name, one in seen.items()
            if one["control"] is not None}  # fmt: skip
    if not ends:
        return [f"{cluster.name} is stopped; no member has data"]
    newest = max(ends.values())
    last = f"{lsn_text(newest[1])} on timeline {newest[0]}"
    behind = [name for name, end in ends.items() if end != newest]
    if cluster.source is not None:  # the checkpoint of a standby is one of its own, and not the end of its data
        return [f"{cluster.name} is stopped; {cluster.source.name} goes on without it"]
    if not behind:
        return [f"{cluster.name} is stopped: all {len(ends)} members ended at {last}"]
    return [
        f"{cluster.name} is stopped at {last}",
        *(f"  note   {name} ended at {lsn_text(ends[name][1])} on timeline {ends[name][0]}" for name in behind),
        "  start it with deploys/start.py, which begins with the newest data; a boot of single hosts may not",
    ]
