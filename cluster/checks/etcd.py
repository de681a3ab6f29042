"""What is wrong with etcd."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.moves import moved
from cluster.checks.overview import Overview
from cluster.components.etcd import peer_url
from cluster.components.etcd_snapshot import TIMER, copyists
from cluster.declared.model import Node
from cluster.measures import age_text
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember, SeenSnapshots
from cluster.plans.etcd_snapshot import COPY_SECONDS, oldest_allowed
from cluster.verdicts.etcd_members import joining, unfinished

DATABASE_PERCENT = 80


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about etcd; nothing is known of itself while all of its hosts are silent."""
    for node in overview.cluster.etcd:
        yield from _snapshots(overview, node)
    for node in copyists(overview.cluster):
        yield from _copies(overview, node)
    seen = overview.etcd
    if seen is None:
        return
    yield from _health(overview, seen)
    yield from _quorum(overview, seen)
    for alarm in seen["alarms"] or ():
        yield check_finding("etcd-alarm", overview.cluster.name, alarm)
    if seen["members"] is not None:
        yield from _members(overview, seen["members"])
    yield from _databases(overview)


def _health(overview: Overview, seen: SeenEtcd) -> Iterable[CheckFinding]:
    elsewhere = {one.where for one in moved(overview)}
    for node in (one for one in overview.reached(overview.cluster.etcd) if one.name not in elsewhere):
        reason = seen["unhealthy"].get(overview.endpoint(node))
        # Without a quorum a member that runs is not healthy either, and nothing is wrong with it.
        lacks_others = seen["members"] is None and overview.endpoint(node) in overview.etcd_status
        if reason is not None and not lacks_others and not overview.is_stopped(node, "etcd"):
            yield check_finding("etcd-unhealthy", node.name, f"{overview.endpoint(node)} is not healthy: {reason}")


def _quorum(overview: Overview, seen: SeenEtcd) -> Iterable[CheckFinding]:
    """As etcd counts it: every member has a vote, also one that never started, but for the learners."""
    listed = seen["members"]
    voters = len(overview.cluster.etcd) if listed is None else sum(not member["learner"] for member in listed)
    healthy, quorum = len(overview.healthy_etcd), voters // 2 + 1
    down = [node.name for node in overview.cluster.etcd if node not in overview.healthy_etcd]
    count = f"{healthy} of {voters} voting members are healthy, {quorum} are needed"
    if listed is None or healthy < quorum:
        mute = [node.name for node in overview.cluster.etcd if overview.endpoint(node) not in overview.etcd_status]
        named = ", ".join(mute or down) or "unknown which"
        yield check_finding("etcd-no-quorum", overview.cluster.name, f"{count}; without an answer: {named}")
    elif healthy == quorum and voters > 1:
        named = f"; not healthy: {', '.join(down)}" if down else ""
        yield check_finding("etcd-one-left", overview.cluster.name, f"{count}{named}")


def _members(overview: Overview, members: list[SeenEtcdMember]) -> Iterable[CheckFinding]:
    cluster = overview.cluster
    for node, member in unfinished(cluster, members):
        kind = "etcd-learner" if member["started"] else "etcd-never-started"
        problem = "is a learner" if member["started"] else f"was added as member {member['id']} and has never started"
        yield check_finding(kind, node.name, problem, id=member["id"])
    elsewhere = {one.where for one in moved(overview)}
    for node in (one for one in joining(cluster, members) if one.name not in elsewhere):
        yield check_finding("etcd-not-joined", node.name, f"etcd has no member at {peer_url(cluster, node)}")
    declared = {peer_url(cluster, node) for node in cluster.etcd}
    for member in members:
        if declared.isdisjoint(member["peer_urls"]) and member["name"] not in elsewhere:
            name, urls = member["name"] or "without a name", ", ".join(member["peer_urls"])
            problem = f"etcd has a member {name} at {urls}, which the inventory does not have"
            yield check_finding(
                "etcd-undeclared", cluster.name, problem, id=member["id"], name=member["name"] or "NAME"
            )


def _databases(overview: Overview) -> Iterable[CheckFinding]:
    quota = overview.cluster.settings.etcd_quota_mib
    for node in overview.cluster.etcd:
        status = overview.etcd_status.get(overview.endpoint(node))
        if status is not None and 100 * status["database_mib"] > DATABASE_PERCENT * quota:
            yield check_finding("etcd-database", node.name, f"the database has {status['database_mib']} of {quota} MiB")


def _snapshots(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    seen: SeenSnapshots | None = overview.answer(node, "etcd_snapshots")
    component = overview.answer(node, "component")
    if seen is None or component is None or overview.is_stopped(node, TIMER):
        return  # a finding of its own
    newest, allowed = seen["newest"], oldest_allowed(overview.cluster)
    # A cluster that was just built, or a host that was just started, has not had the time for one.
    waited = seen["now"] - max(newest["at"] if newest else 0, component["units"][TIMER]["started_at"])
    if waited > allowed:
        age = f"{age_text(seen['now'] - newest['at'])} old" if newest else "not there"
        yield check_finding("etcd-snapshot-old", node.name, f"the newest snapshot of etcd is {age}")


def _copies(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    """Only where etcd's own hosts have all the snapshots that they keep: one that was just built has no copy yet."""
    seen: SeenSnapshots | None = overview.answer(node, "etcd_snapshots")
    listed: list[SeenSnapshots | None] = [overview.answer(one, "etcd_snapshots") for one in overview.cluster.etcd]
    kept = max((one["count"] for one in listed if one is not None), default=0)
    if seen is None or kept < overview.cluster.settings.etcd_snapshots_kept:
        return
    newest = seen["newest"]
    if newest is None or seen["now"] - newest["at"] > COPY_SECONDS:
        age = f"{age_text(seen['now'] - newest['at'])} old" if newest else "not there"
        yield check_finding("etcd-copy-old", node.name, f"the newest copy of a snapshot of etcd is {age}")
