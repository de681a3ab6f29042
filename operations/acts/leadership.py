"""The leader is another member: asked of Patroni, and awaited until it takes writes and the others follow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Protocol

from pyinfra.api import StringCommand

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.plans.switchover import Switchover
from cluster.verdicts.causes import copied_anew
from cluster.verdicts.health import holdup, leaders_timeline
from cluster.verdicts.held_clients import HOLD, Holding
from facts.patroni import ANSWER_SECONDS, PatroniCluster
from facts.postgres import PSQL
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.held_clients import Held, clients_held, ended_when_it_writes
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


class Change(Protocol):
    """Who shall lead. The plan of a switchover is one, and that of a failover."""

    @property
    def leader(self) -> str | None:
        """The member that leads now, or led last, if that is known."""

    @property
    def candidate(self) -> str:
        """The member that shall lead."""

    @property
    def timeline(self) -> int:
        """The newest before it."""


def hand_over(cluster: Cluster, plan: Switchover, streamed: Sequence[str], holding: Holding = HOLD) -> Commands:
    """
    Switch over, and return when the new leader takes writes, that of a standby cluster when it streams from its source,
    and all others that streamed stream from it. Every run that moves the leader on purpose does it here: writes are
    interrupted from here on until it writes.

    + plan: judged just now
    + streamed: members that have to follow
    + holding: whether clients of PgBouncer wait for it
    """
    leader = cluster.node(plan.leader)
    candidate = cluster.node(plan.candidate)
    with clients_held(cluster, holding, leader) as held, ended_when_it_writes(held, candidate):
        asked, began = Post(leader, "/switchover", _names(plan)), time.monotonic()
        yield described(asked, "switchover", plan.leader, plan.candidate)
        if plan.follows:
            yield from _led_standby(cluster, plan, asked, streamed, began)
        else:
            yield from _led(cluster, plan, asked, streamed, began, held)


def _names(plan: Switchover) -> dict[str, str]:
    return {"leader": plan.leader, "candidate": plan.candidate}


def take_over(cluster: Cluster, plan: Change, others: Sequence[str]) -> Commands:
    """
    Fail over to a member where there is no leader, or one that has to go, and return when it takes writes and the
    others that run follow it.

    + plan: judged just now; + others: members that have to follow
    """
    asked, began = Post(cluster.node(plan.candidate), "/failover", {"candidate": plan.candidate}), time.monotonic()
    yield described(asked, "failover", plan.leader, plan.candidate)
    yield from _led(cluster, plan, asked, others, began, Held(cluster))


def _led(cluster: Cluster, plan: Change, asked: Post, others: Sequence[str], began: float, held: Held) -> Commands:
    past, switches = {"beyond_timeline": plan.timeline}, isinstance(plan, Switchover)
    new = _new_leader(cluster, plan, asked, past)
    # Where commits wait for a standby, one that was promoted without its leader may have none yet.
    yield Act(new, until_it_writes(cluster, local=not switches))
    writes_seconds = time.monotonic() - began
    held.end(new.name)
    seen = _followed(cluster, plan, new, {*others, new.name}, past)
    who = f"{plan.leader if switches else ', '.join(others) or 'no other member'} follows"
    print_lines(
        [
            f"{new.name} leads {cluster.name}, {who}: timeline {plan.timeline} -> {leaders_timeline(seen)}",
            f"  takes writes within {writes_seconds:.1f} s, all stream within {time.monotonic() - began:.1f} s",
            *([] if new.name == plan.candidate else [f"  note   Patroni: {asked.text}"]),
        ]
    )


def _led_standby(cluster: Cluster, plan: Switchover, asked: Post, others: Sequence[str], began: float) -> Commands:
    """A standby cluster stays on the timeline of its source, so only the name of its leader tells that it changed."""
    past = {"other_than": plan.leader}
    new = _new_leader(cluster, plan, asked, past)
    yield Act(new, until_it_follows(cluster, streams=plan.streams))
    _followed(cluster, plan, new, {*others, new.name}, past)
    seconds = time.monotonic() - began
    print_lines([f"{new.name} leads {cluster.name}, {plan.leader} follows: all stream within {seconds:.1f} s"])


def _new_leader(cluster: Cluster, plan: Change, asked: Post, past: Mapping[str, object]) -> Node:
    """The member that leads now. Refuses, in Patroni's words, when it is the old one. + past: what tells it apart"""
    if asked.status not in (200, *OPEN_ENDED):
        raise UnsafeError(_refused(plan, asked))
    wait_seconds = LEADER_SECONDS if asked.status != 503 else ANSWER_SECONDS
    concerned = [plan.candidate, *([plan.leader] if plan.leader is not None else [])]
    seen = _heard(cluster, concerned, expected=[], wait_seconds=wait_seconds, **past)
    if seen["leader"] is None:
        Watch(cluster.data_directory).refuse(
            cluster.node(plan.candidate),
            f"{cluster.name} has no leader after {wait_seconds} s; Patroni answered {asked.status}: {asked.text}",
            [cluster.node(name) for name in concerned[1:]],
        )
    if seen["leader"] == plan.leader != plan.candidate:
        raise UnsafeError(_refused(plan, asked))
    return cluster.node(seen["leader"])


def _refused(plan: Change, asked: Post) -> str:
    switches = isinstance(plan, Switchover)
    now = f"{plan.leader} leads as before" if switches else "nothing was changed"
    return (
        f"Patroni did not {'switch' if switches else 'fail'} over to {plan.candidate}: {asked.text} "
        f"(status {asked.status})\n"
        f"HINT: {now}; 'journalctl -u patroni' on {'both members' if switches else plan.candidate} says more."
    )


def _heard(cluster: Cluster, first: Sequence[str], **question: object) -> SeenPatroni:
    """The first answer of the members. + first: those that are concerned, the candidate first: it may have died"""
    others = [node.name for node in cluster.members if node.name not in first]
    for name in (*first, *others):
        seen: SeenPatroni | None = read([cluster.node(name)], PatroniCluster, **question)[name]
        if seen is not None and seen["answers"]:
            return seen
    raise UnsafeError("no Patroni answers\nHINT: look at 'journalctl -u patroni'; the change may be under way.")


def until_it_writes(cluster: Cluster, *, local: bool = False) -> StringCommand:
    """
    Patroni says "leader" as soon as the lock is held; a write goes through only when the promotion is over.

    + local: the write waits for no standby
    """
    own = '-c "set synchronous_commit = local" ' if local else ""
    write = f'{own}-c "create temporary table pyinfra_patroni_switchover (written int)"'
    attempt = f"{PSQL} -p {cluster.settings.postgres_port} -d postgres {write}"
    return StringCommand(f"timeout {WRITE_SECONDS} sh -c 'until {attempt} 2>/dev/null; do sleep 0.1; done'")


def until_it_follows(cluster: Cluster, *, streams: bool) -> StringCommand:
    """
    The leader of a standby cluster replays what its source writes.

    + streams: it gets that as a stream; else from the archive
    """
    look = "select 1 / (pg_is_in_recovery())::int"
    look += ", 1 / count(*) from pg_stat_wal_receiver where status = 'streaming'" if streams else ""
    attempt = f'{PSQL} -p {cluster.settings.postgres_port} -d postgres -c "{look}"'
    return StringCommand(f"timeout {WRITE_SECONDS} sh -c {quote(f'until {attempt} 2>/dev/null; do sleep 0.1; done')}")


def _followed(
    cluster: Cluster, plan: Change, new: Node, names: Iterable[str], past: Mapping[str, object]
) -> SeenPatroni:
    """Wait until these members stream from it; refuse with the last lines of the one that does not."""
    concerned, watch = among(cluster, names), Watch(cluster.data_directory)
    first = [new.name, *([plan.leader] if plan.leader is not None else [])]
    question = {"expected": [node.name for node in concerned], **past}
    seen = watch.until_settled(
        lambda seconds: _heard(cluster, first, wait_seconds=seconds, **question), concerned.members, FOLLOW_SECONDS
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
