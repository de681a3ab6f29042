"""A cluster whose members restart as PostgreSQL and Patroni have it, seen through an ordered restart's commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cluster.parameters.values import ORDERED
from cluster.plans.configure import merged
from cluster.plans.restart_pending.members import wanted_five
from facts.patroni import PatroniCluster
from facts.postgres.state import PostgresState, ReplayAwaited
from operations.acts.member_restart import restart_command
from operations.patroni_configuration import patch_command
from operations.util.planning import decide_later
from tests.cluster.live_members import patroni_member, postgres_state
from tests.cluster.restart_live import settings_of
from tests.cluster.simulated_cluster import LOW, SimulatedMember
from tests.cluster.simulated_cluster import World as SimulatedCluster
from tests.world.etcd import SilentEtcd
from tests.world.known import Act
from tests.world.patroni import patroni
from tests.world.patroni_world import Sized
from tests.world.postgres import control, postgres
from tests.world.world import Lines, answer

BLOCKS_PER_MB = 128
CONTROLLED = {"max_prepared_transactions": "max_prepared_xacts", "max_locks_per_transaction": "max_locks_per_xact"}


@dataclass
class RestartWorld(SilentEtcd, Sized):
    """
    What Patroni, PostgreSQL and etcd answer, and what was done to whom, in order.

    + buffers: MB of shared_buffers that each member runs with, the setting beside the five
    + too_much: MB of shared_buffers with which PostgreSQL does not start
    + before, after: member to what happens just before, or after, its restart is asked for, once
    + answers: member to what Patroni answers without restarting it
    + slow: members that replay only when they are waited for; never: those that do not replay even then
    + paused: members whose replay was paused by hand
    + overridden: members on which something else sets shared_buffers
    + dead: hosts that are gone
    """

    acts: ClassVar = {"restart": restart_command, "PATCH": patch_command, "plan": decide_later}

    cluster: SimulatedCluster
    parameters: dict[str, Any]
    buffers: dict[str, int]
    too_much: int = 10**6
    patroni_paused: bool = False
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    overridden: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    given: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, count: int = 3, **parameters: Any) -> RestartWorld:
        """Members h1 ... that run with ``LOW`` and 128 MB; h1 leads. + parameters: what the configuration has now"""
        names = [f"h{n}" for n in range(1, count + 1)]
        members = [SimulatedMember(name, dict(LOW), dict(LOW), name == "h1") for name in names]
        declared = {**LOW, "shared_buffers": "128MB", **parameters}
        return cls(SimulatedCluster(members, wanted_five(declared)), declared, dict.fromkeys(names, 128))

    def __getitem__(self, name: str) -> SimulatedMember:
        return next(one for one in self.cluster.members if one.name == name)

    def hold(self, names: Sequence[str], never: bool = False) -> None:
        """Let members replay only when they are waited for. + never: not even then"""
        self.slow |= set(names)
        self.never |= set(names) if never else set()
        for name in names:
            self[name].held = True

    def lead(self, name: str) -> None:
        """Another member leads: a switchover by somebody else."""
        self.cluster.members.sort(key=lambda one: one.name != name)  # the first that is fit takes over
        self.cluster.fail_over()

    def reached(self, host: str) -> None:
        """See World."""
        if host in self.dead:
            raise ConnectionResetError(104, "Connection reset by peer")

    def noted(self, word: str, host: str, act: Act) -> None:
        """Only what is done: a restart may be refused."""

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "restart":
            return [json.dumps(self._restarted(host, json.loads(act.last_word)))]
        if word == "PATCH":
            self._patched(json.loads(act.stdin))
        return None

    def _patched(self, patch: dict[str, Any]) -> None:
        self.done.append(f"PATCH {json.dumps(patch['postgresql']['parameters'])}")
        self.parameters = merged(self.parameters, patch["postgresql"]["parameters"])
        self.cluster.wanted = wanted_five(self.parameters)
        for one in self.cluster.members:
            if not one.up:  # Patroni tries to start it again and again
                self._start(one)

    @property
    def _declared_buffers(self) -> int:
        return int(self.parameters["shared_buffers"].removesuffix("MB"))

    def _start(self, one: SimulatedMember) -> None:
        if self._declared_buffers > self.too_much:
            one.up = False
            return
        self.cluster.restart(one.name)
        if one.name not in self.overridden:
            self.buffers[one.name] = self._declared_buffers

    def _restarted(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.before.pop(name, lambda: None)()
        one = self[name]
        if one.leads != (asked["role"] != "replica"):
            return _said(asked=False, text=f"it is a {'primary' if one.leads else 'replica'} now")
        if asked["pending"] and not self._waits(one):
            return _said(asked=False, text="Patroni here does not say that a restart is pending")
        if name in self.answers:
            return self.answers.pop(name)
        self.done.append(name)
        self.given.append(asked)
        self._start(one)
        self.after.pop(name, lambda: None)()
        if not one.up:
            return _said(status=503, text="restart failed", ready=False)
        return _said(status=200, text="restarted successfully", ready=True)

    def _waits(self, one: SimulatedMember) -> bool:
        starts = {key: self.cluster.wanted[key] if one.leads else max(self.cluster.wanted[key], one.control[key])
                  for key in ORDERED}  # fmt: skip
        return starts != one.running or self.buffers[one.name] != self._declared_buffers

    @answer(ReplayAwaited)
    def _replayed(self, host: str, most: Mapping[str, int], **_: Any) -> Lines:
        self.done.append(f"~{host}")
        self[host].held = host in self.never
        self.cluster.replay()
        assert most
        return ["no" if any(self[host].control[name] > value for name, value in most.items()) else "yes"]

    @answer(PatroniCluster)
    def _patroni(self, host: str, expected: Sequence[str], **_: Any) -> Lines:
        alive = [one for one in self.cluster.members if one.name not in self.dead]
        well = {one.name for one in alive if one.up and not one.stuck}
        leader = next((one.name for one in alive if one.leads and one.up), None)
        members = {one.name: patroni_member(one.leads, running=one.up, streaming=one.up) for one in alive}
        settled = leader is not None and set(expected) <= well
        config = {"postgresql": {"parameters": self.parameters}}
        return patroni(leader, members, config=config, paused=self.patroni_paused, settled=settled)

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        one = self[host]
        values = {CONTROLLED.get(name, name): value for name, value in one.control.items()}
        return postgres(self._sql(one) if one.up else None, control(settings=values))

    def _sql(self, one: SimulatedMember) -> dict[str, Any]:
        others = [other.name for other in self.cluster.members if other is not one and other.up]
        return postgres_state(
            one.leads,
            settings=settings_of(one.running, self.buffers[one.name] * BLOCKS_PER_MB),
            replication=[{"name": name, "state": "streaming"} for name in others] if one.leads else [],
            replay=None if one.leads else "paused" if one.stuck or one.name in self.paused else "not paused",
            slots=[],
            prepared={"count": 0, "oldest_seconds": 0},
        )


def _said(status: int = 0, text: str = "", ready: bool = False, asked: bool = True) -> dict[str, Any]:
    return {"asked": asked, "status": status, "text": text, "ready": ready, "seconds": 1.5}
