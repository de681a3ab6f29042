"""What every run that acts looks for first: the state of a cluster in which nobody should touch it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from cluster.declared.model import Cluster
from cluster.finding_types.finding_type import PATRONICTL, RUN
from cluster.obstacles import Obstacle
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.health import scheduled_switchover
from cluster.verdicts.live import Live
from cluster.verdicts.removal_notes import half_removed

# What a run may be able to do without, by the name with which it says so.
PATRONI, LEADER, PAUSE, REMOVAL, RESTORE, ETCD = "patroni", "leader", "pause", "removal", "restore", "etcd"


def cluster_obstacles(
    cluster: Cluster, live: Live, without: Collection[str] = (), leaving: Collection[str] = ()
) -> list[Obstacle]:
    """
    Why the cluster is in no state for a run that acts on it, all reasons at once.

    + without: what this run does not need, or is there to end: ``PATRONI`` that answers, a ``LEADER``, the end of a
      ``PAUSE``, a ``REMOVAL`` or a ``RESTORE``, an ``ETCD`` that has its quorum
    + leaving: hosts that this run takes out, or brings back, which may be half way out
    """
    found = [] if PATRONI in without else list(_patroni(live))
    if live.patroni["answers"]:
        found += [] if LEADER in without else _leader(live)
        found += [] if PAUSE in without else _pause(cluster, live)
        found += _schedule(cluster, live)
    found += [] if RESTORE in without else restore_obstacles(_restoring(live))
    found += [] if REMOVAL in without else _removal(cluster, live, leaving)
    return [*found, *([] if ETCD in without else _etcd(live))]


def _patroni(live: Live) -> Iterator[Obstacle]:
    if not live.patroni["answers"]:
        yield Obstacle(
            f"no Patroni answers: {live.patroni['error']}",
            f"`systemctl start patroni` on a member; where the whole cluster is down, `{RUN}/start.py`",
        )


def _leader(live: Live) -> Iterator[Obstacle]:
    if live.leader is None:
        yield Obstacle("there is no leader", f"wait for the election; `{RUN}/check.py` says what keeps it")


def _pause(cluster: Cluster, live: Live) -> Iterator[Obstacle]:
    if live.patroni["paused"]:
        yield Obstacle(f"{cluster.name} is paused: no standby takes over", f"end the pause: `{RUN}/resume.py`")


def _schedule(cluster: Cluster, live: Live) -> Iterator[Obstacle]:
    if planned := scheduled_switchover(live.patroni):
        yield Obstacle(planned, f"wait for it, or `{PATRONICTL} flush {cluster.name} switchover` on a member")
    if names := [name for name, member in live.patroni["members"].items() if member["scheduled_restart"]]:
        yield Obstacle(
            f"a restart is scheduled on {', '.join(names)}",
            f"wait for it, or `{PATRONICTL} flush {cluster.name} restart` on a member",
        )


def _restoring(live: Live) -> list[str]:
    return [name for name, seen in live.postgres.items() if seen is not None and seen["restoring"]]


def restore_obstacles(names: Iterable[str]) -> list[Obstacle]:
    """That a restore is not finished. + names: of the members that have a note of one"""
    if not (listed := list(names)):
        return []
    hint = f"the same `{RUN}/restore.py` again finishes it; with --data cancel=true it is given up"
    return [Obstacle(f"a restore is not finished, which is noted on {', '.join(listed)}", hint)]


def _removal(cluster: Cluster, live: Live, leaving: Collection[str]) -> Iterator[Obstacle]:
    for name in half_removed(cluster, live.etcd):
        if name not in leaving:
            yield Obstacle(
                f"the removal of {name} is not finished, or the host came back",
                f"finish it: `{RUN}/remove_node.py --data node={name}`; or keep the host: `{RUN}/add_node.py`",
            )


def _etcd(live: Live) -> Iterator[Obstacle]:
    if reason := outage(live.etcd):
        yield Obstacle(
            reason,
            "fix etcd first, without which no leader is elected or stays one: `journalctl -u etcd` on its hosts; "
            "docs/runs/etcd-restore.md",
        )


def backup_minutes(live: Live, names: Iterable[str]) -> dict[str, int]:
    """
    For how long a backup of pgBackRest has had a session on these members, by the name of each that has one. It has one
    on the primary, and one on the standby from which it copies.

    + names: the members'; those of which nothing is known have none
    """
    known: Mapping[str, float | None] = {
        name: seen["backup_seconds"] for name in names if (seen := live.postgres.get(name)) is not None
    }
    return {name: int(seconds // 60) for name, seconds in known.items() if seconds is not None}


def backup_obstacles(live: Live, names: Iterable[str], *, force: bool) -> list[Obstacle]:
    """
    That a backup would break off when these members stop, or lead no more.

    + force: the operator accepts that: it is tried again later
    """
    found = {} if force else backup_minutes(live, names)
    if not found:
        return []
    where, minutes = ", ".join(found), max(found.values())
    return [
        Obstacle(
            f"a backup has been under way for {minutes} min on {where}, and would break off",
            "deploys/status.py says when it is over; --data force=true does not wait, and the backup is tried again",
        )
    ]
