"""Who takes over in a switchover, and every reason why a member cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.finding_types.finding_type import RUN
from cluster.measures import MIB
from cluster.observed.patroni import SeenMember
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle, refuse
from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.activation import activated
from cluster.tags import may_be_synchronous, may_lead
from cluster.verdicts.health import is_synchronous, leaders_timeline, upstream
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_minutes, backup_obstacles, cluster_obstacles
from cluster.verdicts.slots import slot_remarks, slots_left_behind, slots_to_copy
from cluster.verdicts.standby_role import is_standby

# While nobody can write, the candidate replays what it is behind; so much takes less than a second.
REPLAY_MIB = 16

# The one reason that passes by itself once the synchronous standby is gone.
NOT_SYNCHRONOUS = "is not synchronous, and the cluster is"
NEVER_SYNCHRONOUS = "may not be synchronous by its tags, and the cluster is"

# A primary at work always has one or two segments on their way.
BACKLOG_SEGMENTS = 3


@dataclass(frozen=True)
class Switchover:
    """
    A plan.

    + reason: why this candidate; + remarks: what to know, and no reason to refuse
    + follows: it is a standby cluster, which takes no writes; + streams: it gets its WAL from its source as a stream
    """

    leader: str
    candidate: str
    timeline: int
    reason: str
    remarks: tuple[str, ...]
    follows: bool = False
    streams: bool = False


def switchover_plan(
    cluster: Cluster,
    live: Live,
    candidate: str | None = None,
    without: Collection[str] = (),
    *,
    leaving: str | None = None,
    force: bool = False,
) -> Switchover:
    """
    The switchover that is safe now. Refuses with all reasons when there is none.

    + live: all members' picture
    + candidate: the member that shall lead; absent: chosen by ``rank``
    + without: members that may be missing
    + leaving: the host for whose removal it is
    + force: also while a backup is under way, which breaks off
    """
    refuse("no switchover now", switchover_obstacles(cluster, live, without, leaving=leaving, force=force))
    leader, timeline = str(live.leader), int(leaders_timeline(live.patroni) or 0)
    standbys = [node.name for node in cluster.members if node.name != leader and node.name not in without]
    reasons = {name: candidate_obstacles(live, name) for name in standbys}
    fit = sorted((name for name in standbys if not reasons[name]), key=lambda name: rank(live, name))
    if candidate is None and not fit:
        raise UnsafeError(_nobody(leader, reasons))
    if candidate is not None and candidate not in fit:
        raise UnsafeError(_unfit(leader, candidate, reasons.get(candidate, ["is left out by without"]), fit))
    chosen = candidate or fit[0]
    why = f"{'asked for' if candidate else 'the best of ' + str(len(fit))}: {_merits(live, chosen)}"
    told = (*remarks(live, standbys, chosen, without), *_slots(cluster, live, chosen))
    state = live.postgres[leader]
    streams = state is not None and state["receiving"]
    return Switchover(leader, chosen, timeline, why, told, is_standby(live.patroni["config"]), streams)


def rank(live: Live, name: str) -> tuple[bool, int, int]:
    """
    What candidates are sorted by: synchronous ones first, then those that stream from the leader itself, then whole
    MiB of lag; equals stay in their order.
    """
    member = live.patroni["members"][name]
    return not member["synchronous"], len(upstream(live.patroni, name)), (behind(live, name) or 0) // MIB


def behind(live: Live, name: str) -> int | None:
    """
    Bytes of WAL that the leader has written and a member has not replayed; None when neither of them says.

    The leader's own view is of one moment. Two looks at two hosts are not, and differ by what is written in between.
    """
    leading, standby = live.postgres.get(str(live.leader)), live.postgres.get(name)
    if leading is None or standby is None:
        return None
    # A leader that is itself a standby does not compare them.
    told = (
        [] if leading["in_recovery"] else [one["behind"] for one in leading["replication"] if one.get("name") == name]
    )
    if told:
        return None if told[0] is None else int(told[0])
    if leading["written"] is None or standby["replayed"] is None:  # it streams from another standby
        return None
    return max(0, leading["written"] - standby["replayed"])


def switchover_obstacles(
    cluster: Cluster, live: Live, without: Collection[str] = (), *, leaving: str | None = None, force: bool = False
) -> list[Obstacle]:
    """Why there is no switchover to anybody now. + without, leaving, force: as ``switchover_plan`` has them"""
    found = cluster_obstacles(cluster, live, leaving=[leaving] if leaving else ())
    if live.leader is None:
        return found
    missing = [
        Obstacle(
            f"{node.name} is missing: no Patroni of it is known to etcd",
            f"`systemctl start patroni` on {node.name}, or go on without it: --data without={node.name}",
        )
        for node in cluster.members
        if node.name not in without and live.member(node.name) is None
    ]
    return [*found, *_leader(live, live.leader), *missing, *backup_obstacles(live, [live.leader], force=force)]


def _leader(live: Live, leader: str) -> Iterator[Obstacle]:
    state, member = live.postgres.get(leader), live.patroni["members"][leader]
    if leader not in live.within:
        yield Obstacle(f"the leader {leader} is left out by --limit", "omit --limit")
    elif leader in live.silent:
        reason = f"Patroni of the leader {leader} does not answer: {live.silent[leader]}"
        yield Obstacle(reason, f"`systemctl status patroni` on {leader}; when it stays so, another member takes over")
    elif state is None or not state["answers"] or state["in_recovery"] is not is_standby(live.patroni["config"]):
        writes = "is no standby" if is_standby(live.patroni["config"]) else "takes no writes"
        reason = f"the leader {leader} {writes}: {member['state']}"
        yield Obstacle(reason, f"wait until its start or promotion has ended; `{RUN}/check.py` says what keeps it")


def candidate_obstacles(live: Live, name: str) -> list[str]:
    """Every reason why a member cannot take over. + name: of a member that does not lead"""
    member, state = live.member(name), live.postgres.get(name)
    if name not in live.within:
        return ["is left out by --limit"]
    if member is None:
        return ["no Patroni of it is known to etcd"]
    if state is None or name in live.silent:
        return [f"its Patroni does not answer: {live.silent[name]}" if name in live.silent else "cannot be reached"]
    if not state["answers"]:
        return [f"its PostgreSQL does not answer: {state['error']}"]
    return [*_patroni_obstacles(live, member), *_postgres_obstacles(live, name, state)]


def _patroni_obstacles(live: Live, member: SeenMember) -> list[str]:
    found, timeline = [], leaders_timeline(live.patroni)
    if not member["streaming"]:
        found.append(f"does not stream: {member['state']}")
    if member["timeline"] != timeline:
        found.append(f"is on timeline {member['timeline']}, the leader on {timeline}")
    if not may_lead(member["tags"]):
        found.append("has the tag nofailover")
    if is_synchronous(live.patroni) and not member["synchronous"]:
        found.append(NOT_SYNCHRONOUS if may_be_synchronous(member["tags"]) else NEVER_SYNCHRONOUS)
    return found


def _postgres_obstacles(live: Live, name: str, state: SeenPostgres) -> list[str]:
    found, lag = [], behind(live, name)
    if state["replay"] not in (None, "not paused"):
        found.append(f"its replay is paused ({state['replay']})")
    if state["apply_delay_ms"]:
        found.append(f"replays {state['apply_delay_ms'] // 1000} s late on purpose (recovery_min_apply_delay)")
    if lag is None:
        found.append("does not say how far it is")
    elif lag > REPLAY_MIB * MIB:
        found.append(f"is {lag // MIB} MiB behind, the limit is {REPLAY_MIB} MiB")
    found += [f"has no copy yet of the slot {slot}, for which Patroni restarts its PostgreSQL; it takes seconds"
              for slot in slots_to_copy(live, state)]  # fmt: skip
    return [*found, *_lower_settings(live, state)]


def _lower_settings(live: Live, state: SeenPostgres) -> list[str]:
    leading = live.postgres[str(live.leader)]
    if leading is None or leading["control"] is None:
        return ["cannot be compared with the leader, whose pg_controldata says nothing"]
    control, own = leading["control"], {name: int(state["settings"][name]["setting"]) for name in ORDERED}
    return [
        f"runs with {name} {value}, the leader has {control[name]}"
        for name, value in own.items()
        if value < control[name]
    ]


def _merits(live: Live, name: str) -> str:
    member, lag = live.patroni["members"][name], behind(live, name) or 0
    kind = "synchronous" if member["synchronous"] else "streaming"
    return f"{kind}, {lag // MIB} MiB behind, timeline {member['timeline']}"


def _slots(cluster: Cluster, live: Live, chosen: str) -> list[str]:
    """Who reads from a slot that was made by hand finds none on another leader, whoever drops it."""
    left = slots_left_behind(cluster, live)
    behind = [f"{', '.join(left)} stays on {live.leader} as a slot, and {chosen} has none of this name"] if left else []
    return [*slot_remarks(cluster, live), *behind]


def _nobody(leader: str, reasons: dict[str, list[str]]) -> str:
    listed = "".join(f"\n  {name}: {'; '.join(why)}" for name, why in reasons.items())
    return f"no member can take over from {leader}{listed or ': there is no other'}\nHINT: fix one of them, run again."


def _unfit(leader: str, candidate: str, why: list[str], fit: list[str]) -> str:
    way_out = f"{fit[0]} could; leave the candidate out to let it" if fit else "no other member can either"
    return f"{candidate} cannot take over from {leader}: {'; '.join(why)}\nHINT: {way_out}."


def remarks(live: Live, standbys: list[str], chosen: str, without: Collection[str]) -> list[str]:
    """What the operator should know before it happens, and what is no reason to refuse."""
    leading, found = live.postgres[str(live.leader)], []
    if leading is not None and leading["transactions"]:
        found.append(f"{len(leading['transactions'])} transactions that are older than a minute are rolled back")
    if leading is not None and any(sender["state"] == "backup" for sender in leading["replication"]):
        found.append("a backup of the leader is running, and breaks off")
    for minutes in backup_minutes(live, [str(live.leader)]).values():
        found.append(f"a backup has been under way for {minutes} min, breaks off, and is tried again in ten minutes")
    archiver = leading.get("archiver") if leading is not None else None
    if archiver is not None and (archiver.get("waiting") or 0) >= BACKLOG_SEGMENTS:
        # pgBackRest reports no such thing: what the former leader has not archived it never will.
        found.append(
            f"{archiver['waiting']} segments of WAL wait for the archive; {chosen} archives what it has of them"
        )
    found += activated(live, [str(live.leader)])
    lame = [name for name in standbys if name != chosen and not live.patroni["members"][name]["streaming"]]
    found += [f"{name} does not stream, and is not waited for" for name in lame]
    found += [f"{name} is left out, and has to follow later by itself" for name in without]
    if live.etcd is not None:
        found += [f"etcd is not healthy at {url}: {reason}" for url, reason in live.etcd["unhealthy"].items()]
    return found
