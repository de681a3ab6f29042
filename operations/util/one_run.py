"""
One run at a time: a run that acts has the lock of each of its clusters from its first operation to its last.

Only one place knows when a run begins to act and when it does something: pyinfra's function that executes all
operations, and the commands that they yield. What is read before that, for a plan or a preflight, decides nothing.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import RLock
from pyinfra import logger
from pyinfra.api import Host, State, StringCommand
from pyinfra.connectors.util import CommandOutput

from cluster.declared.model import Cluster, node_name
from cluster.declared.options import OPTIONS, RUNS, looks_only
from cluster.observed.run_lock import SeenHolder
from cluster.verdicts.run_lock import RENEW_SECONDS, STALE_SECONDS, lost_text
from operations.live.preflight import declared_clusters_of
from operations.util import journal, own_process
from operations.util.changes import watch_changes
from operations.util.hosts import target_named
from operations.util.run_lock import RunLock, now

RUN_OPTION = "break_lock"


class OneRun:
    """
    The locks of this run, one for each of its clusters, renewed in the background.

    + lost: why it must not act any more; None while it may
    """

    def __init__(self, locks: Sequence[RunLock]) -> None:
        self.locks = locks
        self.lost: str | None = None
        self._one = RLock()

    def renewed(self) -> None:
        """Renew all of them once."""
        with self._one:
            for lock in self.locks:
                self.lost = self.lost or lock.renew()

    def renewed_for_ever(self) -> None:
        """Renew them until this greenlet is killed, or there is nothing left to renew."""
        while self.lost is None:
            gevent.sleep(RENEW_SECONDS)
            self.renewed()

    def may_act(self) -> bool:
        """
        Whether the next step may be taken. A lock that was not renewed in time, as when this machine slept, is asked
        for again before that.
        """
        if self.lost is None and self._stale():  # else nobody waits for a renewal that a frozen host holds up
            with self._one:
                if self._stale():
                    self.renewed()
                if stale := self._stale():
                    self.lost = self.lost or f"no host of {stale[0]} renews it"
        return self.lost is None

    def _stale(self) -> list[str]:
        return [lock.cluster.name for lock in self.locks if now() - lock.renewed > STALE_SECONDS]

    def watched(self, execute: Callable[..., Any], command: Any, state: State, host: Host, *rest: Any) -> Any:
        """Execute a command that an operation has yielded, and note it, or fail it without having done anything."""
        if not self.may_act():
            _tell_once(host, lost_text(str(self.lost)))
            return (False, CommandOutput([])) if isinstance(command, StringCommand) else False
        with journal.acting(_operation(state, host), **journal.words_of(command)):
            return execute(command, state, host, *rest)


_told: set[str] = set()


def _tell_once(host: Host, sentence: str) -> None:
    if sentence not in _told:
        _told.add(sentence)
        host.log_styled(sentence, fg="red", log_func=logger.error)


def _operation(state: State, host: Host) -> str:
    running = host.nested_executing_op_hash or host.executing_op_hash
    return ", ".join(sorted(state.get_op_meta(running).names)) if running is not None else "operation"


def acted(run_ops: Callable[..., None], state: State, **how: Any) -> None:
    """
    Execute the operations of a run with the locks of its clusters. Refuses, before the first of them, while another run
    acts on one of them. A run that only looks takes no lock, and is not noted.

    + run_ops: pyinfra's own
    """
    clusters = _clusters(state)
    if not clusters:
        run_ops(state, **how)
        return
    with _locked(clusters, _holder(state), breaks=_breaks(state)) as held:
        renewing = gevent.spawn(held.renewed_for_ever)
        watch_changes(held.watched)
        try:
            run_ops(state, **how)
        finally:
            watch_changes(None)
            renewing.kill()


@contextmanager
def _locked(clusters: Iterable[Cluster], holder: SeenHolder, *, breaks: bool) -> Iterator[OneRun]:
    locks = [RunLock(cluster, holder, breaks) for cluster in sorted(clusters, key=lambda one: one.name)]
    began, why = time.monotonic(), None
    try:
        for lock in locks:
            lock.take(_beginning(lock, holder))
        looks = {target_named(name).name: lock.look(name) for lock in locks for name in lock.boots}
        journal.note_acts_of(holder["run"], looks)
        yield OneRun(locks)
    except BaseException as error:
        why = "interrupted" if isinstance(error, SystemExit) else str(error).partition("\n")[0] or type(error).__name__
        raise
    finally:
        acts, seconds = journal.noted(), round(time.monotonic() - began)
        ending = journal.line(
            "end", holder["run"], at=journal.at(), exit=int(why is not None), acts=acts, seconds=seconds, why=why
        )
        journal.note_acts_of(None)
        with suppress(Exception):  # whatever is wrong now, what ended the run is to be seen
            gevent.joinall([gevent.spawn(lock.free, ending) for lock in locks])


def _beginning(lock: RunLock, holder: SeenHolder) -> str:
    words = {name: holder[name] for name in ("who", "what")}
    return journal.line(
        "begin", holder["run"], at=holder["since"], cluster=lock.cluster.name, version=journal.version(), **words
    )


def _clusters(state: State) -> list[Cluster]:
    """Those on whose hosts something is to be executed by a run of ours that does not only look."""
    runs = {Path(word).stem for word in sys.argv[1:] if word.endswith(".py")} & set(RUNS)
    if not runs or all(map(looks_only, runs)):
        return []
    named = {node_name(target.name) for target in state.active_hosts if state.ops[target]}
    return [one for one in declared_clusters_of(state.inventory).values() if named & {node.name for node in one}]


def _breaks(state: State) -> bool:
    inventory: Any = state.inventory
    return bool(inventory.get_override_data().get(RUN_OPTION))


def _holder(state: State) -> SeenHolder:
    process = own_process.own_id()
    return {
        "run": secrets.token_hex(4),
        "who": own_process.who(),
        "what": command_words(sys.argv[1:]),
        "since": journal.at(),
        "machine": own_process.machine(),
        "pid": process,
        "started": own_process.started(process),
    }


def command_words(argv: Sequence[str]) -> str:
    """
    A command line as it may be noted: its files, where it is limited to, and its options. Of what else is set the name
    alone, for it may be a secret.
    """
    said = [word for word in argv if word.endswith(".py")]
    for switch, value in _switches(argv):
        if switch in ("--limit", "--exclude"):
            said.append(f"{switch} {value}")
        elif switch == "--data":
            name, _, given = value.partition("=")
            said.append(f"--data {name}={given if name in OPTIONS else '...'}")
    return " ".join(said)


def _switches(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        switch, equals, value = word.partition("=")
        yield switch, value if equals else following
