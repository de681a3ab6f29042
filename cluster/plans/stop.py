"""Whether a whole cluster may be stopped now, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.shutdown import SeenPower
from cluster.plans.switchover import backup_minutes
from cluster.verdicts.data_positions import as_lsn, is_running, primary_of
from cluster.verdicts.health import scheduled_switchover
from cluster.verdicts.live import Live


def is_stopped(seen: Mapping[str, SeenPower]) -> bool:
    """Whether nothing runs on any member. + seen: ``MemberPower`` by member"""
    return not any(is_running(one) for one in seen.values())


def is_under_way(seen: Mapping[str, SeenPower]) -> bool:
    """Whether a stop was begun: nobody else suspends Patroni."""
    return any(one["held"] for one in seen.values())


def refuse_stop(
    cluster: Cluster, live: Live, seen: Mapping[str, SeenPower], absent: Iterable[str], *, force: bool = False
) -> None:
    """
    Refuse, with all reasons, to stop the cluster now. A stop that was begun is gone on with.

    + live: of the members in this run; + seen: ``MemberPower`` of them
    + absent: members that are not in this run; one that lives would take over
    + force: a backup under way breaks off
    """
    reasons = [*_restoring(seen), *_alive(cluster, live, absent)]
    if not is_stopped(seen) and not is_under_way(seen):
        reasons += [*_unled(live, seen), *_backup(live, force=force)]
    if reasons:
        raise UnsafeError(
            f"{cluster.name} cannot be stopped now: {'; '.join(reasons)}\n"
            "HINT: resolve this first; nothing was changed."
        )


def _restoring(seen: Mapping[str, SeenPower]) -> Iterator[str]:
    if names := [name for name, one in seen.items() if one["restoring"]]:
        yield f"{', '.join(names)} is being restored, which deploys/restore.py finishes"


def _alive(cluster: Cluster, live: Live, absent: Iterable[str]) -> Iterator[str]:
    keys = (live.etcd["keys"] if live.etcd is not None else None) or {}
    for name in absent:
        if live.member(name) is not None or f"{cluster.scope_key}members/{name}" in keys:
            yield f"{name} is not in this run and etcd knows its Patroni, which would take over"


def _unled(live: Live, seen: Mapping[str, SeenPower]) -> Iterator[str]:
    patroni = live.patroni
    if not patroni["answers"]:
        yield f"no Patroni answers: {patroni['error']}"
        return
    if patroni["paused"]:
        yield "it is paused, which deploys/resume.py ends"
    if scheduled := scheduled_switchover(patroni):
        yield scheduled
    keys = (live.etcd["keys"] if live.etcd is not None else None) or {}
    asked = next((text for key, text in keys.items() if key.endswith("/failover")), None)
    if asked is not None and not patroni["scheduled_switchover"] and not _is_done(live, asked):
        yield "a switchover is under way"
    if live.leader is None or primary_of(seen) != live.leader:
        yield "there is no leader; wait for the election, or see deploys/check.py"


def _is_done(live: Live, asked: str) -> bool:
    """
    Whether the switchover has been. Its key stays for seconds after the one that it names leads no more, and then
    Patroni does not remove it, but lets it name nobody.
    """
    order = json.loads(asked or "{}")
    if not (order.get("leader") or order.get("member")):
        return True
    return live.leader is not None and order.get("leader") not in (None, live.leader)


def _backup(live: Live, *, force: bool) -> Iterator[str]:
    if not force and (minutes := backup_minutes(live)) is not None:
        yield f"a backup has been under way for {minutes} min (--data force=true lets it break off)"


def stop_lines(
    cluster: Cluster, seen: Mapping[str, SeenPower], clients: int, absent: Iterable[str], waiting: Iterable[str] = ()
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
    return [
        f"{cluster.name} is stopped: {clients} connections of clients end, and nobody gets in until it is started",
        "  first  HAProxy, and the timers of the backups",
        f"  then   PostgreSQL on {primary_of(seen) or 'the member that led'}, and the others when they have all of it",
        "  last   pgBackRest's server, and etcd",
        "  note   all of it starts again at the next boot, or with deploys/start.py",
        *(f"  note   {line}" for line in waiting),
        *([f"  note   {', '.join(down)} is down already"] if down else []),
        *([f"  note   {', '.join(absent)} is not in this run and stays as it is"] if absent else []),
    ]


def stopped_lines(cluster: Cluster, seen: Mapping[str, SeenPower]) -> list[str]:
    """Where everybody ended, as pg_controldata says. + seen: ``MemberPower`` by member, all of them down"""
    ends = {name: (one["control"]["timeline"], one["control"]["checkpoint"]) for name, one in seen.items()
            if one["control"] is not None}  # fmt: skip
    if not ends:
        return [f"{cluster.name} is stopped; no member has data"]
    newest = max(ends.values())
    last = f"{as_lsn(newest[1])} on timeline {newest[0]}"
    behind = [name for name, end in ends.items() if end != newest]
    if not behind:
        return [f"{cluster.name} is stopped: all {len(ends)} members ended at {last}"]
    return [
        f"{cluster.name} is stopped at {last}",
        *(f"  note   {name} ended at {as_lsn(ends[name][1])} on timeline {ends[name][0]}" for name in behind),
        "  start it with deploys/start.py, which begins with the newest data; a boot of single hosts may not",
    ]
