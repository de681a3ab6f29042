"""The failover as an operator reads it: what is known of the last leader and of each member, and what is lost."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.finding_types.finding_type import RUN
from cluster.measures import lsn_text
from cluster.plans.failover.loss import loss_of
from cluster.plans.failover.plan import Failover, unfit
from cluster.plans.failover.scene import Scene
from cluster.verdicts.causes import copied_anew
from cluster.verdicts.data_positions import DOWN


def failover_lines(scene: Scene, plan: Failover) -> list[str]:
    """The plan, before anything is done."""
    names = [node.name for node in scene.cluster.members]
    width = max(map(len, ("state", *names)))
    rows = [("state", _state(scene)), *((name, member_text(scene, name)) for name in names)]
    return [
        f"Failover of {scene.cluster.name}: {plan.candidate} becomes the leader",
        *(f"  {name:<{width}}  {text}" for name, text in rows),
        f"  {'LOST':<{width}}  {plan.loss.text}",
        *(f"  {'note':<{width}}  {line}" for line in _notes(scene, plan)),
    ]


def _state(scene: Scene) -> str:
    paused = ", and the cluster is paused: Patroni elects none" if scene.live.patroni["paused"] else ""
    if scene.live.leader is not None:
        return f"{scene.live.leader} holds the leader's key and does not answer{paused}"
    led = f"{scene.former} led last" if scene.former else "etcd does not know which member led last"
    return f"no leader; {led}{paused}"


def member_text(scene: Scene, name: str) -> str:
    """What a member has and what it lacks. + name: of any member"""
    position = scene.positions.get(name)
    if position is None:
        return unfit(scene, name)
    loss, seen = loss_of(scene, name), scene.data[name]
    kind = "synchronous" if name in scene.synchronous else position.state
    words = [f"{kind}, timeline {position.timeline}, {lsn_text(position.reach)}"]
    words += [f"{loss.missing} bytes behind"] if loss.missing else []
    lag = (seen["received"] or 0) - (seen["replayed"] or 0) if seen is not None else 0
    words += [f"{lag} bytes to replay first"] if lag > 0 and position.state != DOWN else []
    reason = unfit(scene, name)
    return ", ".join(words) + (f"; {reason}" if reason else "")


def _notes(scene: Scene, plan: Failover) -> Iterator[str]:
    former, seen = scene.former, scene.data.get(str(scene.former))
    if former is not None and seen is None:
        yield f"{former} cannot be reached: be sure that it is off; a living Patroni stops PostgreSQL within its ttl"
    if former not in (None, plan.candidate):
        yield f"{former} is rewound by its Patroni when it comes back, and follows; what only it has is gone then"
    # Patroni rewinds a former primary. Of a standby that died it knows only how far it had replayed, which was less.
    for name in (one for one, data in scene.data.items() if data is None and one != former):
        yield f"{name} may be ahead of {plan.candidate}: if it comes back and does not follow, {copied_anew(name)[:-1]}"
    if (
        scene.live.patroni["paused"]
        and seen is not None
        and not seen["server"]
        and former in scene.live.patroni["members"]
    ):
        yield f"with `{RUN}/resume.py` instead of this, Patroni starts {former} again, and nothing is lost"


def outcome_notes(scene: Scene, synchronous: bool) -> list[str]:
    """What is left to do. + synchronous: commits have a standby to wait for"""
    found = ["take a backup: deploys/backup.py", "what is wrong now: deploys/check.py"]
    if scene.live.patroni["paused"]:
        found.insert(0, f"{scene.cluster.name} is still paused: deploys/resume.py")
    if scene.is_strict and not synchronous:
        found.insert(0, "COMMITS WAIT: the mode is strict, and no standby is synchronous. Bring one back, or declare "
                        "patroni_synchronous_mode_strict = False and run deploys/configure.py")  # fmt: skip
    return [f"  next   {line}" for line in found]
