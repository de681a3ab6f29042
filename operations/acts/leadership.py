"""The leader is another member: asked of Patroni, and awaited until it takes writes and the others follow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pyinfra.api import StringCommand

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.plans.switchover import Switchover
from cluster.verdicts.causes import copied_anew
from cluster.verdicts.health import holdup, leaders_timeline
from facts.patroni import ANSWER_SECONDS, PatroniCluster
from facts.postgres import PSQL
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.last_lines import Watch
from operations.acts.patroni_rest import Post
from operations.util.console import print_lines
from operations.util.journal import described
from operations.util.reading import read

# How long each wait is at the most; what is late then is named, with its last lines.
LEADER_SECONDS = 60
WRITE_SECONDS = 60
FOLLOW_SECONDS = 120

# Patroni's answers after which the switchover may be under way all the same: it gave up waiting, or did not answer.
OPEN_ENDED = (0, 503)


def hand_over(cluster: Cluster, plan: Switchover, streamed: Sequence[str]) -> Commands:
    """
    Switch over, and return when the new leader takes writes and all others that streamed stream from it. Every run that
    moves the leader on purpose does it here: writes are interrupted from here on until it writes.

    + plan: judged just now
    + streamed: members that have to follow
    """
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
    concerned = among(cluster, names)
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


def among(cluster: Cluster, names: Iterable[str]) -> Cluster:
    """The cluster as if it had these members only. + names: of nodes"""
    wanted = set(names)
    return replace(cluster, nodes=tuple(node for node in cluster.members if node.name in wanted))
