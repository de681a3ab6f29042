"""Whether a member's data may be removed and copied again, and from which member."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.model import Cluster
from cluster.finding_types.finding_type import RUN
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle
from cluster.plans.restart_pending.activation import activated
from cluster.plans.switchover import candidate_obstacles
from cluster.verdicts.health import CLONING, leaders_timeline
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles, cluster_obstacles
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


def reinit_obstacles(cluster: Cluster, live: Live, name: str, *, force: bool = False) -> list[Obstacle]:
    """
    Why a member's data must not be thrown away now: it may be the best there is, or the copy would not come to its end.

    + name: the node whose data it is
    + force: also when it is a healthy standby, has WAL that the leader does not have, or a backup reads from it
    """
    found = cluster_obstacles(cluster, live)
    copied = [other for other in live.patroni["members"] if other != name and is_being_copied(live, other)]
    found += [Obstacle(f"{other} is being copied already", "wait for it: one at a time") for other in copied]
    if live.leader is not None:
        found += _member(live, name) or [
            *([] if force else [*_needless(live, name), *_ahead(live, name)]),
            *_senders(cluster, live, name),
            *backup_obstacles(live, [name], force=force),
        ]
    return found


def _member(live: Live, name: str) -> list[Obstacle]:
    if name == live.leader:
        reason = f"{name} leads: its data is what all others are copied from"
        return [Obstacle(reason, f"let another member lead: `{RUN}/switchover.py`")]
    if name not in live.within:
        return [Obstacle(f"{name} is left out by --limit", "omit --limit")]
    if name in live.silent or live.member(name) is None:
        reason = f"Patroni of {name} does not answer: {live.silent.get(name, 'etcd does not know it')}"
        return [Obstacle(reason, f"`systemctl start patroni` on {name}; a lost host: `{RUN}/replace_node.py`")]
    return []


def _needless(live: Live, name: str) -> Iterator[Obstacle]:
    own = live.postgres[name]
    if streams_well(live, name):
        reason = f"{name} streams from {live.leader} and needs no new copy"
        yield Obstacle(reason, "--data force=true makes one all the same")
    elif own is not None and own["answers"] and own["apply_delay_ms"]:
        # It does not stream while it replays what it has, and a copy of it would be as late.
        late = f"{name} replays {own['apply_delay_ms'] // 1000} s late on purpose (recovery_min_apply_delay)"
        hint = "wait for it; --data force=true makes a copy all the same"
        yield Obstacle(f"{late} and streams again after that time", hint)


def _ahead(live: Live, name: str) -> Iterator[Obstacle]:
    """A former leader may hold what it acknowledged last and nobody else has."""
    leading, own = live.postgres[str(live.leader)], live.postgres[name]
    if leading is None or own is None or leading["written"] is None or own["written"] is None:
        return
    if (more := own["written"] - leading["written"]) > 0:
        yield Obstacle(
            f"{name} has {more} bytes of WAL more than the leader {live.leader}",
            "they may be writes that only it has; save its data directory, then --data force=true",
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


def _senders(cluster: Cluster, live: Live, name: str) -> list[Obstacle]:
    """Whether those answer whom a copy is taken from, and have WAL senders left for it."""
    leading = live.postgres[str(live.leader)]
    if leading is None or not leading["answers"]:
        return [Obstacle(f"the leader {live.leader} does not answer", f"see `{RUN}/check.py`: a copy has to follow it")]
    # Which of them Patroni takes nobody knows before.
    sources = [] if cluster.repository is not None else copy_sources(live, name)
    taken = (_taken(one, live.postgres.get(one)) for one in sources)
    return [obstacle for obstacle in taken if obstacle is not None]


def _taken(source: str, state: SeenPostgres | None) -> Obstacle | None:
    if state is None or not state["answers"]:
        return Obstacle(
            f"{source} does not answer, from which Patroni may copy", f"`systemctl start patroni` on {source}"
        )
    most, taken = int(state["settings"]["max_wal_senders"]["setting"]), len(state["replication"])
    if most - taken >= SENDERS_FOR_A_COPY:
        return None
    return Obstacle(f"{taken} of max_wal_senders {most} are taken on {source}", "raise the setting: a copy takes two")


def reinit_remarks(cluster: Cluster, live: Live, name: str, size_mib: int) -> list[str]:
    """
    What the operator should know before it happens.

    + name: the node whose data goes
    + size_mib: what it holds now
    """
    others = [node.name for node in cluster.members if node.name not in (name, live.leader)]
    nobody = not any(not candidate_obstacles(live, other) for other in others)
    alone = [f"until it streams, no standby can take over from {live.leader}"] if nobody else []
    slots = own_slots(cluster, live, name)
    gone = [f"the replication slots {', '.join(slots)} go with the data: copies have none"] if slots else []
    return [f"{size_mib} MiB on {name} are removed, and copied again", *gone, *alone, *activated(live, [name])]
