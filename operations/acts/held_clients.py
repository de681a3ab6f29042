"""
Clients of PgBouncer that wait while the primary restarts or another member takes over, instead of losing a transaction.

Each host lets its clients go on by itself after ``pgbouncer_pause_seconds``, whatever becomes of this run: see
``cluster/components/on_host/pgbouncer_hold.sh``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from shlex import quote

import gevent
from pyinfra import host

from cluster.components.pgbouncer.hold import (
    awaited_command,
    extend_command,
    hold_command,
    release_command,
    served_command,
)
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Pool
from cluster.obstacles import refuse
from cluster.verdicts.held_clients import (
    TERMINATE,
    WAIT,
    Holding,
    Transaction,
    busy_obstacle,
    described_transaction,
    held_hosts,
    silent_obstacle,
    transactions,
    unheld,
)
from facts.postgres import PSQL
from operations.util.hosts import in_this_run, target_named, target_of
from operations.util.planning import dry_run
from operations.util.reading import run_each

UNCHANGED = "the primary stays as it is"
# Of a session pool a client leaves its connection only when it ends: nobody could wait for that.
POOL: Pool = "write"
ANSWER_SECONDS = 10
END_SECONDS = 30
WRITE_SECONDS = 60
BEAT_SECONDS = 3
# How long a run waits for the end of transactions that it was told to wait for, and how often it tries meanwhile.
PATIENCE_SECONDS = 600
AGAIN_SECONDS = 2


@dataclass
class Held:
    """
    The clients that wait. Without PgBouncer, or where they are not to wait, there are none.

    + hosts: of PgBouncer; + seconds: for how long they held at last, once they went on
    """

    cluster: Cluster
    hosts: Sequence[Node] = ()
    since: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    # Of the host whose run it is: what watches beside the run has no host at hand.
    log: Callable[[str], None] = field(default_factory=lambda: host.log)

    def end(self, leader: str | None) -> None:
        """
        Let them go on, as soon as they would be served; done once. What fails of it each host does by itself.

        + leader: who takes writes now; None: nobody knows
        """
        if self.seconds is not None or not self.hosts:
            return
        cluster = self.cluster
        command = release_command(POOL) if leader is None else served_command(cluster, POOL, leader)
        _on_each(dict.fromkeys(self._names, command), END_SECONDS)
        self.seconds = time.monotonic() - self.since
        self.log(f"clients of PgBouncer waited for {self.seconds:.1f} s")

    @property
    def _names(self) -> list[str]:
        return [node.name for node in self.hosts]

    def extend(self) -> None:
        """Go on telling the hosts that this run is at work, until it ends, or has not been heard of for too long."""
        command = extend_command(POOL, self.cluster.settings.pgbouncer_pause_seconds)
        while self.seconds is None:
            gevent.sleep(BEAT_SECONDS)
            _on_each(dict.fromkeys(self._names, command), ANSWER_SECONDS)


@contextmanager
def clients_held(cluster: Cluster, holding: Holding, primary: Node) -> Iterator[Held]:
    """
    Let the clients of PgBouncer wait while the block acts; it says itself when they may go on. A block that fails, or
    does not say so, lets them go on, too.

    Refuses before the block when a PgBouncer does not answer, and when transactions do not end in time.

    + holding: what the run was told; + primary: on which the transactions are
    """
    hosts = held_hosts(cluster, holding)
    if left := unheld(cluster, holding):
        host.log(f"transactions through PgBouncer on {', '.join(left)} fail: their clients do not wait")
    if not hosts or dry_run():
        yield Held(cluster)
        return
    held = _held(cluster, hosts, holding, primary)
    beat = gevent.spawn(copy_context().run, held.extend)
    try:
        yield held
    finally:
        gevent.kill(beat)
        held.end(None)


@contextmanager
def ended_when_it_writes(held: Held, node: Node, first: str = "select 1") -> Iterator[None]:
    """
    Let clients go on as soon as a member takes writes, while the block still acts: no client has to wait for what it
    awaits, such as standbys that follow again.

    + first: a statement that fails while the member is not yet the one that is meant
    """
    watch = gevent.spawn(copy_context().run, _end_when_it_writes, held, node, first)
    try:
        yield
    finally:
        gevent.kill(watch)


def _end_when_it_writes(held: Held, node: Node, first: str) -> None:
    if not held.hosts:
        return
    # Standbys, for which a write would wait, may not be there yet.
    local, write = "set synchronous_commit = local", "create temporary table pyinfra_patroni_held (written int)"
    psql = " ".join([_psql(held.cluster, local), *(f'-c "{statement}"' for statement in (first, write))])
    until = f"until {psql} >/dev/null 2>&1; do sleep 0.1; done; echo written"
    if run_each(target_of(node), [f"timeout {WRITE_SECONDS} sh -c {quote(until)}"], WRITE_SECONDS) == [["written"]]:
        held.end(node.name)


def _held(cluster: Cluster, hosts: Sequence[Node], holding: Holding, primary: Node) -> Held:
    """Hold them, and see to the transactions that do not end, as the run was told."""
    _refuse_silent(cluster, [node.name for node in hosts if node not in in_this_run(hosts)])
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        held = Held(cluster, hosts)
        busy = _begun(held)
        if busy and holding.transactions == TERMINATE:
            busy = _terminated(held, primary, busy)
        if not busy:
            return held
        held.end(None)
        if holding.transactions != WAIT or time.monotonic() >= patience:
            refuse(UNCHANGED, [busy_obstacle(cluster, busy)], untouched=False)
        host.log(f"waits for {', '.join(map(described_transaction, busy[:3]))}")
        _until_ended(cluster, primary, busy, patience)


def _begun(held: Held) -> list[Transaction]:
    seconds = held.cluster.settings.pgbouncer_transaction_seconds
    commands = {node.name: hold_command(held.cluster, node, POOL, seconds) for node in held.hosts}
    return _busy(held, _on_each(commands, seconds + ANSWER_SECONDS))


def _busy(held: Held, said: Mapping[str, list[str] | None]) -> list[Transaction]:
    """What is under way on all hosts. Refuses where one does not say, after the others were let go on."""
    found = {name: None if lines is None else transactions(name, lines) for name, lines in said.items()}
    if silent := [name for name, listed in found.items() if listed is None]:
        held.end(None)
        _refuse_silent(held.cluster, silent)
    return [one for listed in found.values() for one in listed or ()]


def _refuse_silent(cluster: Cluster, silent: Sequence[str]) -> None:
    refuse(UNCHANGED, [silent_obstacle(silent)] if silent else [], untouched=False)


def _terminated(held: Held, primary: Node, busy: Sequence[Transaction]) -> list[Transaction]:
    """End them, and see whether all clients wait now."""
    for one in busy:
        host.log(f"ends the transaction of {described_transaction(one)}")
    listed = ", ".join(str(one.pid) for one in busy)
    statement = f"select pg_terminate_backend(pid) from pg_stat_activity where pid in ({listed})"
    run_each(target_of(primary), [_psql(held.cluster, statement)], ANSWER_SECONDS)
    seconds = held.cluster.settings.pgbouncer_transaction_seconds
    commands = {node.name: awaited_command(held.cluster, node, POOL, seconds) for node in held.hosts}
    return _busy(held, _on_each(commands, seconds + ANSWER_SECONDS))


def _until_ended(cluster: Cluster, primary: Node, busy: Sequence[Transaction], patience: float) -> None:
    """Wait for their end while everybody else is served: a transaction that has ended gives its server to another."""
    listed = ", ".join(str(one.pid) for one in busy)
    statement = (
        f"select count(*) from pg_stat_activity where pid in ({listed}) and xact_start < now() - interval "
        f"'{cluster.settings.pgbouncer_transaction_seconds} s'"
    )
    while time.monotonic() < patience:
        (said,) = run_each(target_of(primary), [_psql(cluster, statement)], ANSWER_SECONDS)
        if said == ["0"]:
            return
        gevent.sleep(AGAIN_SECONDS)


def _psql(cluster: Cluster, statement: str) -> str:
    return f'{PSQL} -p {cluster.settings.postgres_port} -d postgres -c "{statement}"'


def _on_each(commands: Mapping[str, str], seconds: int) -> dict[str, list[str] | None]:
    """One command on each host, all at the same time. + commands: by host name"""
    jobs = {name: gevent.spawn(copy_context().run, _one, name, command, seconds) for name, command in commands.items()}
    return {name: job.get() for name, job in jobs.items()}


def _one(name: str, command: str, seconds: int) -> list[str] | None:
    (said,) = run_each(target_named(name), [command], seconds)
    return said
