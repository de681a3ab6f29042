"""Whether a member's data may be removed and copied again, and from which member."""

from __future__ import annotations

from cluster.declared.model import Cluster
from cluster.observed.postgres import SeenPostgres
from cluster.plans.restart_pending.activation import activated
from cluster.plans.switchover import candidate_obstacles
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.health import CLONING, leaders_timeline, scheduled_switchover
from cluster.verdicts.live import Live
from cluster.verdicts.slots import own_slots

# pg_basebackup takes two: one for the files, one for the WAL that is written meanwhile.
SENDERS_FOR_A_COPY = 2


def is_being_copied(live: Live, name: str) -> bool:
    """Whether a copy is under way already, e.g. begun by a run that was cut off. + name: the node's"""
    member = live.member(name)
    return member is not None and member["state"] == CLONING


def streams_well(live: Live, name: str) -> bool:
    """Whether a member is a standby that needs no new copy. + name: the node's"""
    member = live.member(name)
    return member is not None and member["streaming"] and member["timeline"] == leaders_timeline(live.patroni)


def reinit_obstacle(cluster: Cluster, live: Live, name: str, *, force: bool = False) -> str | None:
    """
    Why a member's data must not be thrown away now, with the way out.

    + name: the node whose data it is
    + force: also when it is a healthy standby, or has WAL that the leader does not have
    """
    return _cluster_obstacle(cluster, live, name) or _member_obstacle(cluster, live, name, force=force)


def _cluster_obstacle(cluster: Cluster, live: Live, name: str) -> str | None:
    seen = live.patroni
    if not seen["answers"]:
        return f"no Patroni answers: {seen['error']}\nHINT: start Patroni on a member with good data first."
    if live.leader is None:
        return f"{cluster.name} has no leader to copy from\nHINT: this data may be the best there is; fix that first."
    if seen["paused"]:
        return f"{cluster.name} is paused\nHINT: run deploys/resume.py first, so that somebody watches the leader."
    if scheduled := scheduled_switchover(seen):
        return f"{scheduled}\nHINT: wait for it, or `patronictl flush {cluster.name} switchover` on a member."
    if obstacle := outage(live.etcd):
        return f"{obstacle}\nHINT: fix etcd first; without it the leader steps down in the middle of the copy."
    copied = [other for other in seen["members"] if other != name and is_being_copied(live, other)]
    if copied:
        return f"{copied[0]} is being copied already\nHINT: one at a time; wait for it."
    return None


def _member_obstacle(cluster: Cluster, live: Live, name: str, *, force: bool) -> str | None:
    if name == live.leader:
        return f"{name} leads: its data is what all others are copied from\nHINT: run deploys/switchover.py first."
    if name not in live.within:
        return f"{name} is left out by --limit\nHINT: run without --limit."
    if name in live.silent or live.member(name) is None:
        return (
            f"Patroni of {name} does not answer: {live.silent.get(name, 'etcd does not know it')}\n"
            f"HINT: start it ('systemctl start patroni'), or replace the host."
        )
    if force:
        return _room_obstacle(cluster, live, name)
    return _needless(live, name) or _delayed(live, name) or _ahead(live, name) or _room_obstacle(cluster, live, name)


def _needless(live: Live, name: str) -> str | None:
    if not streams_well(live, name):
        return None
    return f"{name} streams from {live.leader} and needs no new copy\nHINT: --data force=true makes one all the same."


def _delayed(live: Live, name: str) -> str | None:
    """One that is late on purpose does not stream while it replays what it has, and a copy of it would be as late."""
    own = live.postgres[name]
    if own is None or not own["answers"] or not own["apply_delay_ms"]:
        return None
    late = f"{name} replays {own['apply_delay_ms'] // 1000} s late on purpose (recovery_min_apply_delay)"
    return f"{late} and streams again after that time\nHINT: wait for it; --data force=true makes a copy all the same."


def _ahead(live: Live, name: str) -> str | None:
    """A former leader may hold what it acknowledged last and nobody else has."""
    leading, own = live.postgres[str(live.leader)], live.postgres[name]
    if leading is None or own is None or leading["written"] is None or own["written"] is None:
        return None
    more = own["written"] - leading["written"]
    if more <= 0:
        return None
    return (
        f"{name} has {more} bytes of WAL more than the leader {live.leader}\n"
        "HINT: they may be writes that only it has; save its data directory, then --data force=true."
    )


def copy_sources(live: Live, name: str) -> list[str]:
    """
    The members one of which Patroni takes for a copy: any other standby with the tag ``clonefrom``, else the leader.

    + name: of the node that is copied anew
    """
    fit = [
        other
        for other, member in live.patroni["members"].items()
        if other not in (name, live.leader) and member["running"] and member["tags"].get("clonefrom")
    ]
    return fit or [str(live.leader)]


def source_text(cluster: Cluster, live: Live, name: str) -> str:
    """Where the new data of a member come from, as the end of a sentence. + name: the node's"""
    members = " or ".join(copy_sources(live, name))
    return f"the repository, or from {members} where that fails" if cluster.repository is not None else members


def _room_obstacle(cluster: Cluster, live: Live, name: str) -> str | None:
    leading = live.postgres[str(live.leader)]
    if leading is None or not leading["answers"]:
        return f"the leader {live.leader} does not answer\nHINT: fix that first; it is what a copy has to follow."
    # Which of them Patroni takes nobody knows before.
    sources = [] if cluster.repository is not None else copy_sources(live, name)
    return next((obstacle for one in sources if (obstacle := _taken(one, live.postgres.get(one))) is not None), None)


def _taken(source: str, state: SeenPostgres | None) -> str | None:
    if state is None or not state["answers"]:
        return f"{source} does not answer, from which Patroni may copy\nHINT: fix that first."
    most, taken = int(state["settings"]["max_wal_senders"]["setting"]), len(state["replication"])
    if most - taken >= SENDERS_FOR_A_COPY:
        return None
    return f"{taken} of max_wal_senders {most} are taken on {source}\nHINT: a copy takes two; raise the setting."


def reinit_remarks(cluster: Cluster, live: Live, name: str, size_mib: int) -> list[str]:
    """
    What the operator should know before it happens.

    + name: the node whose data goes
    + size_mib: what it holds now
    """
    others = [node.name for node in cluster.members if node.name not in (name, live.leader)]
    nobody = not any(not candidate_obstacles(live, other) for other in others)
    alone = [f"until it streams, nobody can take over from {live.leader}"] if nobody else []
    slots = own_slots(cluster, live, name)
    gone = [f"the replication slots {', '.join(slots)} go with the data: copies have none"] if slots else []
    return [f"{size_mib} MiB on {name} are removed, and copied anew", *gone, *alone, *activated(live, [name])]
