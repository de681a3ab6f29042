"""The restart plan as a person reads it: who, in which order, why, and what clients will feel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.obstacles import Obstacle
from cluster.parameters.values import ORDERED
from cluster.plans.restart_pending.plan import Await, Member, Plan, Restart, Step, after


def plan_lines(name: str, members: Sequence[Member], plan: Plan) -> list[str]:
    """
    The plan's lines. + name: the cluster's; + members: as they were when it was made
    """
    if not plan.steps and not plan.deferred:
        return [f"{name}: no setting waits for a restart"]
    rows = list(_rows(members, plan.steps))
    width = max((len(who) for who, _, _ in rows), default=0)
    numbered = [f"  {number}. {who:<{width}}  {how:<18} {what}" for number, (who, how, what) in enumerate(rows, 1)]
    lines = [f"{name}: ordered restart", *numbered]
    if any(isinstance(step, Obstacle) for step in plan.steps):
        return lines  # nothing of it is done: the refusal that follows says why
    deferred = [f"  Deferred to a later run: {one} {reason}" for one, reason in plan.deferred.items()]
    return [*lines, *_impact(members, plan), *deferred]


def _rows(members: Sequence[Member], steps: Iterable[Step]) -> Iterable[tuple[str, str, str]]:
    now, tried = list(members), False
    for step in steps:
        if isinstance(step, Restart):
            member = next(one for one in now if one.name == step.member)
            yield step.member, _how(step, tried, member), ", ".join(_change(member, name) for name in step.names)
            tried = tried or step.tries
        elif isinstance(step, Await):
            yield step.member, "standby, waits", f"until it has replayed the primary's {', '.join(step.names)}"
        else:
            yield "stop", "", step.reason
            return
        now = after(now, step)


def _how(step: Restart, tried: bool, member: Member) -> str:
    if step.leads:
        return "standby leader" if member.follows else "primary, in place"
    return "standby, canary" if step.tries and not tried else "standby"


def _change(member: Member, name: str) -> str:
    change = f"{member.running[name]} -> {member.starts_with(name)}" if name in ORDERED else member.others[name]
    return f"{name} {change}"


def _impact(members: Sequence[Member], plan: Plan) -> list[str]:
    leader = next(one for one in members if one.leads)
    standbys = [one for one in members if not one.leads]
    lines = [f"  Why this order: {reason}" for reason in _reasons(leader) if standbys]
    if leader.follows:
        lines.append("  It takes no writes: only the connections of readers to a member end while it restarts.")
    elif any(step.leads for step in plan.restarts):
        lines.append(f"  Writes are interrupted once, while {leader.name} restarts in place: commonly 1 to 5 s.")
    elif plan.restarts:
        lines.append("  Writes go on: the primary is not restarted.")
    return [*lines, *(nobody_lines(standbys, plan.restarts) if plan.restarts else ())]


def nobody_lines(standbys: Sequence[Member], restarts: Iterable[Restart]) -> Iterable[str]:
    """When nobody could take over meanwhile. + standbys: all of them; + restarts: the steps of a plan"""
    fit = [one.name for one in standbys if one.eligible]
    if not standbys:
        yield "  There is no standby that could take over if PostgreSQL did not come back."
    elif not fit:
        yield "  No standby could take over meanwhile: none is fit for it."
    elif len(fit) == 1 and any(step.member in fit for step in restarts):
        yield f"  No standby could take over while {fit[0]} restarts, the only fit standby."


def _reasons(leader: Member) -> Iterable[str]:
    changed = [name for name in ORDERED if leader.wanted[name] != leader.running[name]]
    raised = [name for name in changed if leader.wanted[name] > leader.running[name]]
    lowered = [name for name in changed if name not in raised]
    if raised:
        yield f"{', '.join(raised)} {_verb('rise', raised)}, and a standby must never have less than its primary."
    if lowered:
        yield f"{', '.join(lowered)} {_verb('fall', lowered)}: primary first, a standby when it has replayed that."
    if leader.others:
        yield "a standby tries the new values first; the primary follows only when it is well."


def _verb(word: str, names: Sequence[str]) -> str:
    return f"{word}s" if len(names) == 1 else word


def waiting_text(members: Sequence[Member], name: str, *, back: bool) -> str:
    """
    Who waits for a restart when one of them has failed, as the end of a sentence; empty when nobody does.

    + members: as they were before; + name: of the one that failed
    + back: the old values are declared again, so those wait that were restarted with the new ones
    """
    failed = next(one for one in members if one.name == name)
    others = [one for one in members if one is not failed]
    restarted = [one for one in others if one.runs and not one.leads and not set(failed.takes) & set(one.takes)]
    names = [one.name for one in (restarted if back else others) if back or one.takes]
    if not names:
        return ""
    return f"; {', '.join(names)} still wait{'' if len(names) > 1 else 's'} for a restart{' back' if back else ''}"
