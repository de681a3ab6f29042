"""What is wrong with the members as Patroni sees them: who leads, who follows, and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.observed.patroni import SeenMember, SeenPatroni
from cluster.verdicts.causes import cause_in
from cluster.verdicts.health import leaders_timeline, upstream
from cluster.verdicts.standby_role import role_problem


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything that Patroni says, or should say and does not."""
    yield from _silent_members(overview)
    seen = overview.patroni
    if seen is None:
        return
    yield from _leaders(overview, seen)
    yield from _plans(overview, seen)
    yield from _standby_cluster(overview, seen)
    declared = {node.name for node in overview.cluster.members}
    for name in sorted(set(seen["members"]) - declared):
        yield check_finding(
            "member-undeclared", overview.cluster.name, f"{name} is a member and not in the inventory", name=name
        )
    for node in overview.cluster.members:
        found = seen["members"].get(node.name)
        if found is not None:
            yield from _member(overview, seen, node, found)
        elif overview.patroni_of(node) is not None:
            yield check_finding("member-missing", node.name, "Patroni's list of members does not have it")


def _silent_members(overview: Overview) -> Iterable[CheckFinding]:
    for node in overview.reached(overview.cluster.members):
        seen = overview.answer(node, "patroni")
        if seen is not None and not seen["answers"] and not overview.is_stopped(node, "patroni"):
            yield check_finding("patroni-silent", node.name, f"Patroni does not answer: {seen['error']}")


def _leaders(overview: Overview, seen: SeenPatroni) -> Iterable[CheckFinding]:
    if seen["leader"] is None:
        yield check_finding("no-leader", overview.cluster.name, "no member holds the leader's lock")
    if len(overview.primaries) > 1:
        names = " and ".join(node.name for node in overview.primaries)
        problem = f"{names} are not in recovery; Patroni's leader is {seen['leader']}"
        yield check_finding("two-primaries", overview.cluster.name, problem, leader=seen["leader"] or "one")


def _standby_cluster(overview: Overview, seen: SeenPatroni) -> Iterable[CheckFinding]:
    cluster, leader = overview.cluster, overview.leader
    if seen["config"] is not None and (found := role_problem(cluster, seen["config"])):
        yield check_finding("standby-role", cluster.name, found[0])
    elif cluster.source is not None and cluster.settings.patroni_standby_streams and leader is not None:
        state = overview.postgres(leader)
        if state is not None and not state["receiving"]:
            problem = f"the standby leader does not stream from {cluster.source.name}"
            yield check_finding("standby-not-streaming", leader.name, problem)


def _plans(overview: Overview, seen: SeenPatroni) -> Iterable[CheckFinding]:
    name = overview.cluster.name
    if seen["paused"]:
        yield check_finding("paused", name, "the cluster is paused: Patroni does not fail over and starts nothing")
    plan = seen["scheduled_switchover"]
    if plan is not None:
        target = plan.get("to") or "any member"
        yield check_finding(
            "switchover-scheduled", name, f"from {plan.get('from', 'the leader')} to {target} at {plan.get('at')}"
        )


def _member(overview: Overview, seen: SeenPatroni, node: Node, found: SeenMember) -> Iterable[CheckFinding]:
    if found["scheduled_restart"]:
        problem = "a restart of PostgreSQL is scheduled"
        yield check_finding("restart-scheduled", node.name, problem, cluster=overview.cluster.name)
    if found["pending_restart"]:
        yield check_finding(
            "restart-pending", node.name, f"waits for a restart: {pending_text(overview.waiting(node))}"
        )
    if not overview.is_reached(node):
        return  # what its last words were says nothing about it
    if not found["running"]:
        yield _down(overview, node, found)
        return
    state = overview.answer(node, "postgres")
    if state is not None and not state["answers"]:
        yield check_finding("postgres-silent", node.name, f"runs and takes no connection: {state['error']}")
    if node.name != seen["leader"] and seen["leader"] is not None:
        yield from _standby(overview, seen, node, found)


def _down(overview: Overview, node: Node, found: SeenMember) -> CheckFinding:
    said = overview.answer(node, "cause")
    cause = cause_in(said) if said is not None else None
    if cause is None:
        return check_finding("member-down", node.name, f"PostgreSQL is {found['state']}")
    way = f"{cause.way[0].upper()}{cause.way[1:]}. "
    return check_finding("member-down", node.name, f"PostgreSQL is {found['state']}; {cause}", more=way)


def _standby(overview: Overview, seen: SeenPatroni, node: Node, found: SeenMember) -> Iterable[CheckFinding]:
    timeline, state = leaders_timeline(seen), overview.postgres(node)
    if state is not None and state["apply_delay_ms"] and not found["streaming"]:
        # It asks for WAL, and for the new timeline, when it has replayed what it has.
        problem = f"replays {state['apply_delay_ms'] // 1000} s late on purpose, and does not stream until then"
        yield check_finding("standby-delayed", node.name, problem)
        return
    if found["timeline"] != timeline and timeline is not None:
        problem = f"on timeline {found['timeline']}, the leader {seen['leader']} is on {timeline}"
        yield check_finding("other-timeline", node.name, problem)
    elif not found["streaming"]:
        source = next(iter(upstream(seen, node.name)), seen["leader"])
        yield check_finding("not-streaming", node.name, f"does not stream from {source}: {found['state']}")
    yield from _lag(overview, node, found)


def _lag(overview: Overview, node: Node, found: SeenMember) -> Iterable[CheckFinding]:
    lag, limit = overview.lag_mib(node), overview.cluster.settings.patroni_maximum_lag_mib
    state = overview.postgres(node)
    if state is not None and state["replay"] not in (None, "not paused"):
        yield check_finding("replay-paused", node.name, f"replay is {state['replay']}, and lags by {lag or 0} MiB")
    elif lag is not None and lag > limit and not (state and state["apply_delay_ms"]):
        missing = found["lag_mib"]
        part = "" if missing is None else f", of which it has not received {missing}" if missing else ", all received"
        yield check_finding("lag", node.name, f"lags by {lag} MiB{part}; {limit} MiB are permitted")


def pending_text(waiting: Mapping[str, Any]) -> str:
    """The settings that wait for a restart, with running and new value where they are known. + waiting: by name"""
    return ", ".join(f"{name} {_change(values)}".strip() for name, values in waiting.items()) or "unknown settings"


def _change(values: Any) -> str:
    if not isinstance(values, dict) or "new_value" not in values:
        return ""
    return f"{values.get('old_value')} -> {values['new_value']}"
