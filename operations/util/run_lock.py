"""The lock of one cluster, on its hosts and in etcd: taken, renewed, given back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

import gevent
from pyinfra import logger

from cluster.components.etcd import etcdctl
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.run_lock import SeenHolder, SeenLocks, SeenRunLock, written
from cluster.verdicts.run_lock import (
    LEASE_SECONDS,
    holder_of,
    in_order,
    is_over,
    lock_key,
    loss,
    lost_text,
    others,
    refused_text,
    settled,
    taken_over_line,
)
from facts.runs.run_lock import KERNEL, LOCK_DIRECTORY, locks_in
from operations.util.hosts import target_of
from operations.util.own_process import is_gone
from operations.util.reading import run_each

_PROGRAM = (Path(__file__).parent / "on_host" / "run_lock.sh").read_text()

# A host has to look for its mutex, and for an etcd that does not answer.
TAKE_SECONDS = 45
RENEW_SECONDS = 20

# Of a machine that sleeps time goes on as well, where the kernel has a clock for that.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# A host that was started again meanwhile has forgotten the lock, and the next renewal takes it there anew.
_LOOK = (
    "has=; {{ read -r has rest < {file}; }} 2>/dev/null; "
    '[ "$has" = {run} ] || {{ [ -z "$has" ] && [ "$({kernel})" != {boot} ]; }} || {{ echo {lost} >&2; exit 75; }}'
).replace("{kernel}", KERNEL)
_LOST = lost_text("it was given up, or taken from it").replace("\n", " ")

Locks = dict[str, SeenLocks | None]


def lock_program(endpoints: Iterable[str]) -> str:
    """What is run on a host, with its words in front. + endpoints: of etcd, for the client in it"""
    return _PROGRAM.replace("THE_CLIENT", etcdctl(endpoints, quick=True))


def now() -> float:
    """Seconds of a clock that only goes forward."""
    return time.clock_gettime(_CLOCK)


@dataclass
class RunLock:
    """
    The lock of one cluster for this run.

    + holder: this run; + breaks: the operator takes it from whoever has it
    + boots: by host name, of which kernel the lock there is; + lease: etcd's, empty while it is not held there
    + speaker: the host through which etcd is asked; + renewed: when the last place said that it is this run's
    """

    cluster: Cluster
    holder: SeenHolder
    breaks: bool
    boots: dict[str, str] = field(default_factory=dict)
    lease: str = ""
    stale: str = ""
    speaker: Node | None = None
    renewed: float = 0.0
    over: list[SeenRunLock] = field(default_factory=list)

    def take(self, lines: str) -> None:
        """
        Take it on every host that answers, and in etcd if that does. Refuses while another run has it; what was taken
        by then is to be given back.

        The first host that answers decides between two runs that begin at once: the second of them stops there.

        + lines: for the journal
        """
        asked_at, seen = now(), Locks()
        nodes = list(in_order(self.cluster))
        while nodes and not self._is_decided(nodes[0], seen):
            node = nodes.pop(0)
            seen |= self._taken([node], lines, etcd="etcd" in node.roles)
        self._taken(nodes, lines, etcd=False)
        if not self.boots:
            raise UnsafeError(
                f"{self.cluster.name}: no host can be asked for the lock\n"
                "HINT: see that one of its hosts can be reached."
            )
        self.renewed = asked_at

    def _is_decided(self, node: Node, seen: Locks) -> bool:
        """Whether the rest may be asked all at once: a host was taken, and etcd asked. + node: the next one"""
        return bool(self.boots) and ("etcd" not in node.roles or any(map(settled, seen.values())))

    def _taken(self, nodes: Sequence[Node], lines: str, *, etcd: bool) -> Locks:
        """Take it on these hosts, also from a run that is dead or that the operator gives up."""
        seen: Locks = {}
        left = list(nodes)
        while left:
            said = self._asked(left, "take", lines, TAKE_SECONDS, etcd=etcd)
            self._note(said)
            seen |= said
            left = [node for node in left if others([said[node.name]])]
            if left:
                self._over_or_refuse(said)
        return seen

    def _over_or_refuse(self, said: Locks) -> None:
        for name, one in said.items():
            for place in others([one]):
                holder, where = holder_of(place), "etcd" if one is not None and place is one["etcd"] else name
                dead = is_over(holder, self.holder["machine"], is_gone)
                if not dead and not self.breaks:
                    raise UnsafeError(refused_text(self.cluster, place, where))
                if holder["run"] not in [holder_of(known)["run"] for known in self.over]:
                    logger.warning(taken_over_line(self.cluster, holder, broken=not dead))
                self.over.append(place)

    def _note(self, said: Locks) -> None:
        for name, one in said.items():
            if one is None:
                continue
            if one["host"]["word"] == "error":
                raise UnsafeError(
                    f"{name}: the lock cannot be noted: {one['host']['text']}\nHINT: fix that there, and run again."
                )
            if one["host"]["word"] == "mine":
                self.boots[name] = one["boot"]
            if one["etcd"] is not None and one["etcd"]["word"] == "mine":
                self.lease, self.speaker = one["etcd"]["lease"], self.cluster.node(name)

    def look(self, name: str) -> str:
        """Words of the shell that end a command on a host where the lock is not this run's any more. + name: of it"""
        run, boot = self.holder["run"], quote(self.boots[name])
        return _LOOK.format(file=quote(f"{LOCK_DIRECTORY}/{self.cluster.name}"), run=run, boot=boot, lost=quote(_LOST))

    def renew(self) -> str | None:
        """Renew it everywhere. Returns why it is lost; None while nothing says so."""
        asked_at, nodes = now(), self._held()
        said = self._renewed(nodes)
        if why := self._loss(said):
            return why
        again = [node for node in nodes if (one := said[node.name]) is not None and one["host"]["word"] == "none"]
        if again:  # started again meanwhile
            said |= self._asked(again, "take", "", RENEW_SECONDS, etcd=False)
            if why := self._loss(said):
                return why
        self._note(said)
        self._look_for_etcd(said, whole=len(nodes) == len(self.cluster.nodes))
        if any(one is not None and one["host"]["word"] == "mine" for one in said.values()):
            self.renewed = asked_at
        return None

    def _loss(self, said: Locks) -> str | None:
        names = list(said)
        return loss([said[name] for name in names], bool(self.lease), [self.boots.get(name) for name in names])

    def _held(self) -> list[Node]:
        return [node for node in in_order(self.cluster) if node.name in self.boots]

    def _renewed(self, nodes: Sequence[Node]) -> Locks:
        if self.speaker is None:
            self.speaker = next((node for node in nodes if "etcd" in node.roles), None)
        speakers = [node for node in nodes if node is self.speaker]
        jobs = [
            gevent.spawn(self._asked, some, "renew", "", RENEW_SECONDS, etcd=etcd)
            for some, etcd in ((speakers, True), ([node for node in nodes if node is not self.speaker], False))
        ]
        return {name: one for job in jobs for name, one in job.get().items()}

    def _look_for_etcd(self, said: Locks, *, whole: bool) -> None:
        """
        What is to be asked the next time. A run that has every host of the cluster may take etcd's lock from whom it
        still names: that is no run that goes on, but one that was there when etcd ended, or was saved with it.
        """
        one = said.get(self.speaker.name) if self.speaker is not None else None
        etcd = one["etcd"] if one is not None else None
        self.stale = etcd["text"] if whole and etcd is not None and etcd["word"] == "other" else ""
        if etcd is None or etcd["word"] == "silent":
            speakers = [node for node in self._held() if "etcd" in node.roles]
            after = speakers.index(self.speaker) + 1 if self.speaker in speakers else 0
            self.speaker = next(iter(speakers[after:] + speakers[:after]), None)

    def free(self, lines: str) -> None:
        """Give it back, wherever it is. What does not answer forgets it by itself. + lines: for the journal"""
        nodes = self._held()
        said = self._freed(nodes, lines)
        rest = [node for node in nodes if "etcd" in node.roles and node is not self.speaker]
        while self.lease and rest and not _is_free(said, self.speaker):
            self.speaker = rest.pop(0)
            said = self._asked([self.speaker], "free", "", RENEW_SECONDS, etcd=True)

    def _freed(self, nodes: Sequence[Node], lines: str) -> Locks:
        speakers = [node for node in nodes if node is self.speaker]
        jobs = [
            gevent.spawn(self._asked, some, "free", lines, RENEW_SECONDS, etcd=etcd)
            for some, etcd in ((speakers, True), ([node for node in nodes if node is not self.speaker], False))
        ]
        return {name: one for job in jobs for name, one in job.get().items()}

    def _asked(self, nodes: Iterable[Node], verb: str, lines: str, seconds: int, *, etcd: bool) -> Locks:
        command = self._command(verb, lines, etcd=etcd and (verb != "free" or bool(self.lease)))
        jobs = {node.name: gevent.spawn(run_each, target_of(node), [command], seconds) for node in nodes}
        return {name: _understood(job.get()[0]) for name, job in jobs.items()}

    def _command(self, verb: str, lines: str, *, etcd: bool) -> str:
        runs = " ".join(dict.fromkeys(holder_of(place)["run"] for place in self.over))
        notes = [*dict.fromkeys(place["text"] for place in self.over), *([self.stale] if self.stale else [])]
        words = [verb, self.cluster.name, self.holder["run"], str(LEASE_SECONDS), written(self.holder), runs, lines]
        words += [lock_key(self.cluster) if etcd else "", ",".join(self.cluster.etcd_endpoints)]
        words += [self.lease, " ".join(notes)]
        return f"set -- {' '.join(map(quote, words))}\n{lock_program(self.cluster.etcd_endpoints)}"


def _understood(lines: list[str] | None) -> SeenLocks | None:
    try:
        return None if lines is None else locks_in(lines)
    except ValueError:
        return None


def _is_free(said: Locks, speaker: Node | None) -> bool:
    one = said.get(speaker.name) if speaker is not None else None
    return one is not None and one["etcd"] is not None and one["etcd"]["word"] == "free"
