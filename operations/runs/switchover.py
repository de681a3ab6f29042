"""Let another member lead, planned and on purpose: looked at before, at the moment of acting, and after."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.plans.switchover import Switchover, switchover_plan
from cluster.secrets.secrets import Secret
from cluster.verdicts.causes import copied_anew
from cluster.verdicts.health import holdup, is_synchronous, leaders_timeline, synchronous_standbys
from cluster.verdicts.live import Live
from facts.patroni import ANSWER_SECONDS, PatroniCluster
from facts.postgres import PSQL
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.last_lines import Watch
from operations.acts.patroni_rest import Post
from operations.live.members import look
from operations.runs.probe import probing
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.journal import described
from operations.util.planning import dry_run
from operations.util.reading import read

# How long each wait is at the most; what is late then is named, with its last lines.
LEADER_SECONDS = 60
WRITE_SECONDS = 60
FOLLOW_SECONDS = 120

# Patroni's answers after which the switchover may be under way all the same: it gave up waiting, or did not answer.
OPEN_ENDED = (0, 503)


@operation()
def switchover(
    cluster: Cluster,
    candidate: str | None = None,
    without: Sequence[str] = (),
    probe: Secret | None = None,
    *,
    force: bool = False,
) -> Commands:
    """
    Let a candidate lead, and return when it takes writes and all others that streamed stream from it. Called on every
    host; one acts. Refuses what ``switchover_plan`` refuses, before anything is done and again at the moment of acting.

    + candidate: a member's name; absent: the best one. Changes nothing while it leads
    + without: members that may be missing
    + probe: how clients connect, to measure what they feel; absent: nothing is measured
    + force: also while a backup is under way, which breaks off
    """
    if not acts_here(cluster.members):
        return
    yield from switch_over(cluster, candidate, without, probe, force=force)


def switch_over(
    cluster: Cluster,
    candidate: str | None = None,
    without: Sequence[str] = (),
    probe: Secret | None = None,
    *,
    leaving: str | None = None,
    force: bool = False,
) -> Commands:
    """
    The switchover itself, on the host that acts: for procedures of which it is one step.

    + candidate, without, probe, force: as above
    + leaving: the host for whose removal it is
    """
    expected = [node.name for node in cluster.members if node.name not in without]
    # A run that was cut off may have left a switchover under way.
    live = _synchronous(cluster, look(cluster, expected, 0 if dry_run() else ANSWER_SECONDS))
    if candidate is not None and live.leader == candidate:
        told = f"{candidate} leads {cluster.name} already: nothing is done"
        print_lines([told, *_still_to_come(cluster, live, expected)])
        host.noop(f"{candidate} leads already")
        return
    plan = switchover_plan(cluster, live, candidate, without, leaving=leaving, force=force)
    print_lines(_announced(cluster, live, plan))
    # What is on disk by then need not be written while nobody can write.
    for name in (plan.leader, plan.candidate):
        yield Act(cluster.node(name), _checkpoint(cluster))
    _refuse_if_moved(plan, live := look(cluster))
    # Refuses what has come up since.
    switchover_plan(cluster, live, plan.candidate, without, leaving=leaving, force=force)
    with probing(probe):
        yield from _switched(cluster, plan, [plan.leader, *_streaming(live.patroni, expected)])


def _synchronous(cluster: Cluster, live: Live) -> Live:
    """A new leader names its synchronous standbys some seconds after it was promoted, and only they may follow it."""
    if dry_run() or not is_synchronous(live.patroni) or synchronous_standbys(live.patroni):
        return live
    return look(cluster, (), 2 * cluster.settings.patroni_loop_wait + ANSWER_SECONDS, synchronous=True)


def _streaming(seen: SeenPatroni, names: Iterable[str]) -> list[str]:
    return [name for name in names if name in seen["members"] and seen["members"][name]["streaming"]]


def _still_to_come(cluster: Cluster, live: Live, expected: Sequence[str]) -> list[str]:
    if live.patroni["settled"] or dry_run():
        return []
    node, reason = holdup(_among(cluster, expected), live.patroni, expected[0])
    return [f"not all is well: {node.name} {reason}"]


def _checkpoint(cluster: Cluster) -> StringCommand:
    return StringCommand(f"{PSQL} -p {cluster.settings.postgres_port} -d postgres -c CHECKPOINT")


def _announced(cluster: Cluster, live: Live, plan: Switchover) -> list[str]:
    state = live.postgres[plan.leader]
    connections = state["connections"] if state is not None else None
    return [
        f"Switchover of {cluster.name}: {plan.leader} -> {plan.candidate}",
        f"  why    {plan.reason}",
        f"  costs  no writes for some seconds; the {connections or 0} connections to {plan.leader} end",
        *(f"  note   {remark}" for remark in plan.remarks),
    ]


def _refuse_if_moved(plan: Switchover, live: Live) -> None:
    if live.leader != plan.leader:
        raise UnsafeError(
            f"the leader was {plan.leader} and is {live.leader or 'nobody'} now\n"
            "HINT: nothing was switched; run again to plan again."
        )


def _switched(cluster: Cluster, plan: Switchover, streamed: Sequence[str]) -> Commands:
    began = time.monotonic()
    asked = Post(cluster.node(plan.leader), "/switchover", {"leader": plan.leader, "candidate": plan.candidate})
    yield described(asked, "switchover", plan.leader, plan.candidate)
    new = _new_leader(cluster, plan, asked)
    yield Act(new, until_it_writes(cluster))
    writes_seconds = time.monotonic() - began
    seen = _followed(cluster, plan, new, {*streamed, new.name})
    print_lines(
        [
            f"{new.name} leads {cluster.name}, {plan.leader} follows: timeline {plan.timeline} -> "
            f"{leaders_timeline(seen)}",
            f"  takes writes within {writes_seconds:.1f} s, all stream within {time.monotonic() - began:.1f} s",
            *([] if new.name == plan.candidate else [f"  note   Patroni: {asked.text}"]),
        ]
    )


def _new_leader(cluster: Cluster, plan: Switchover, asked: Post) -> Node:
    """Whoever leads now. Refuses, in Patroni's words, when it is the old one."""
    if asked.status not in (200, *OPEN_ENDED):
        raise UnsafeError(_refused(plan, asked))
    wait_seconds = LEADER_SECONDS if asked.status != 503 else ANSWER_SECONDS
    seen = _heard(cluster, plan, expected=[], wait_seconds=wait_seconds, beyond_timeline=plan.timeline)
    if seen["leader"] == plan.leader:
        raise UnsafeError(_refused(plan, asked))
    if seen["leader"] is None:
        Watch(cluster.data_directory).refuse(
            cluster.node(plan.candidate),
            f"{cluster.name} has no leader after {wait_seconds} s; Patroni answered {asked.status}: {asked.text}",
            [cluster.node(plan.leader)],
        )
    return cluster.node(seen["leader"])


def _refused(plan: Switchover, asked: Post) -> str:
    return (
        f"Patroni did not switch over to {plan.candidate}: {asked.text} (status {asked.status})\n"
        f"HINT: {plan.leader} leads as before; 'journalctl -u patroni' on both members says more."
    )


def _heard(cluster: Cluster, plan: Switchover, **question: object) -> SeenPatroni:
    """The first answer of those who are concerned, the candidate first: it may be the one that died."""
    others = [node for node in cluster.members if node.name not in (plan.candidate, plan.leader)]
    for node in (cluster.node(plan.candidate), cluster.node(plan.leader), *others):
        seen: SeenPatroni | None = read([node], PatroniCluster, **question)[node.name]
        if seen is not None and seen["answers"]:
            return seen
    raise UnsafeError("no Patroni answers\nHINT: look at 'journalctl -u patroni'; the switchover may be under way.")


def until_it_writes(cluster: Cluster) -> StringCommand:
    """Patroni says "leader" as soon as the lock is held; a write goes through only when the promotion is over."""
    write = "create temporary table pyinfra_patroni_switchover (written int)"
    attempt = f'{PSQL} -p {cluster.settings.postgres_port} -d postgres -c "{write}"'
    return StringCommand(f"timeout {WRITE_SECONDS} sh -c 'until {attempt} 2>/dev/null; do sleep 0.1; done'")


def _followed(cluster: Cluster, plan: Switchover, new: Node, names: Iterable[str]) -> SeenPatroni:
    """Wait until these members stream on the new timeline; refuse with the last lines of the one that does not."""
    concerned = _among(cluster, names)
    question = {"expected": [node.name for node in concerned], "beyond_timeline": plan.timeline}
    led, watch = replace(plan, candidate=new.name), Watch(cluster.data_directory)
    seen = watch.until_settled(
        lambda seconds: _heard(cluster, led, wait_seconds=seconds, **question), concerned.members, FOLLOW_SECONDS
    )
    if not seen["settled"]:
        node, reason = holdup(concerned, seen, new.name)
        problem = f"{new.name} leads, and {node.name} does not follow after {FOLLOW_SECONDS} s: {reason}"
        watch.refuse(node, problem, otherwise=copied_anew(node.name))
    return seen


def _among(cluster: Cluster, names: Iterable[str]) -> Cluster:
    """The cluster as if it had these members only. + names: of nodes"""
    wanted = set(names)
    return replace(cluster, nodes=tuple(node for node in cluster.members if node.name in wanted))
