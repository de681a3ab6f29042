"""Who can take over when the leader is gone, what is in the way of it, and what each member lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.errors import UnsafeError
from cluster.finding_types.finding_type import PATRONICTL, RUN
from cluster.obstacles import Obstacle
from cluster.plans.failover.loss import Loss, loss_of
from cluster.plans.failover.scene import Scene
from cluster.tags import may_lead
from cluster.verdicts.etcd_members import outage
from cluster.verdicts.obstacles import ETCD, LEADER, PAUSE, REMOVAL, cluster_obstacles
from cluster.verdicts.standby_role import is_standby

NO_FAILOVER = "no failover now"


@dataclass(frozen=True)
class Failover:
    """A plan. + leader: who led last, None: nobody knows; + timeline: the newest before it; + loss: what it costs"""

    leader: str | None
    candidate: str
    timeline: int
    loss: Loss


def failover_obstacles(scene: Scene) -> list[Obstacle]:
    """Why there is no failover to anybody now, all reasons at once."""
    cluster, live = scene.cluster, scene.live
    if reason := outage(live.etcd):
        rebuild = f"fix etcd first; when more than half of its hosts or data are lost for good: `{RUN}/etcd_restore.py`"
        return [Obstacle(f"{reason}, and without it no member can lead", rebuild)]
    found = cluster_obstacles(cluster, live, without=(LEADER, PAUSE, ETCD, REMOVAL))
    if is_standby(live.patroni["config"]):
        other = f"`{PATRONICTL} failover {cluster.name} --candidate NAME --force` on a member lets another one lead it"
        found.append(Obstacle(f"{cluster.name} is a standby cluster: it takes no writes, so none can be lost", other))
    elif scene.leader_works:
        found.append(_works(scene))
    return [*found, *_primaries(scene)]


def _works(scene: Scene) -> Obstacle:
    return Obstacle(
        f"{scene.live.leader} leads {scene.cluster.name} and takes writes",
        f"`{RUN}/switchover.py` lets another member lead, and loses nothing",
    )


def _primaries(scene: Scene) -> Iterator[Obstacle]:
    """
    A PostgreSQL that takes writes, or may, while its Patroni does not hold the leader's key: Patroni on others does not
    look for that in a failover that somebody asks for.
    """
    for name, seen in scene.data.items():
        if seen is None or name == scene.live.leader:
            continue
        if seen["in_recovery"] is False:
            reason = f"PostgreSQL on {name} still takes writes: there would be two primaries"
            yield Obstacle(reason, _fence(scene, name))
        elif seen["server"] and seen["in_recovery"] is None and _may_have_led(scene, name):
            reason = f"PostgreSQL on {name} runs and does not answer, and was a primary: there might be two primaries"
            yield Obstacle(reason, _fence(scene, name))


def _may_have_led(scene: Scene, name: str) -> bool:
    return name not in scene.positions or scene.positions[name].led


def _fence(scene: Scene, name: str) -> str:
    end = "systemctl kill --kill-who=main --signal=KILL patroni"
    stop = f"runuser -u postgres -- {scene.cluster.bin_directory}/pg_ctl stop -D {scene.cluster.data_directory} -m fast"
    return (
        f"let its Patroni lead again, `{end}; systemctl start patroni` on {name}, which loses nothing; or stop it for "
        f"good: `{end}; systemctl stop patroni; {stop}`"
    )


def failover_plan(scene: Scene, candidate: str | None = None) -> Failover:
    """
    The failover to the member that is furthest, or to the one that is named. Refuses when it cannot take over, with
    what every member lacks.
    """
    reasons = {node.name: unfit(scene, node.name) for node in scene.cluster.members}
    fit = [name for name, why in reasons.items() if not why]
    if candidate is not None and candidate not in fit:
        others = f"{best(scene, fit)} can: leave the candidate out" if fit else "no other member can either"
        raise UnsafeError(f"{NO_FAILOVER}: {candidate} {reasons[candidate]}\nHINT: {others}.")
    if not fit:
        listed = "".join(f"\n  {name}: {why}" for name, why in reasons.items())
        raise UnsafeError(
            f"{NO_FAILOVER}: no member of {scene.cluster.name} can take over{listed}\n"
            f"HINT: bring one of them back; `{RUN}/start.py` starts the one with the newest data first."
        )
    chosen = candidate or best(scene, fit)
    return Failover(scene.former, chosen, scene.timeline, loss_of(scene, chosen))


def best(scene: Scene, fit: list[str]) -> str:
    """The one that is furthest; of equals one that commits waited for. + fit: members that can take over"""
    return max(fit, key=lambda name: (scene.positions[name].reach, name in scene.synchronous))


def unfit(scene: Scene, name: str) -> str:
    """Why a member cannot take over, or must not; empty for one that can."""
    live, seen, member = scene.live, scene.data.get(name), scene.live.member(name)
    if seen is None:
        return "cannot be reached"
    if name not in live.within:
        return "is left out by --limit"
    if name in live.silent:
        return f"has a Patroni that does not answer: {live.silent[name]}"
    if member is None:
        return "has no Patroni that etcd knows of"
    if name not in scene.positions or seen["in_recovery"] is None:
        return f"has a PostgreSQL that does not answer: {member['state']}"
    if seen["in_recovery"] is False:
        return "is a primary"
    if not may_lead(member["tags"]):
        return "has the tag nofailover"
    timeline = scene.positions[name].timeline
    return f"is on timeline {timeline}, and another member led on {scene.timeline}" if timeline < scene.timeline else ""


def refuse_loss(cluster_name: str, plan: Failover) -> None:
    """Refuse a failover that loses what was acknowledged, or may: for one that nobody has confirmed."""
    if plan.loss.is_at_stake:
        raise UnsafeError(
            f"{NO_FAILOVER}: {plan.candidate} may lack writes that were acknowledged: {plan.loss.text}\n"
            f"HINT: bring {plan.leader or 'the last leader'} back, which loses nothing; or give them up with --data "
            f"confirm={cluster_name}; nothing was changed."
        )
