"""A cluster whose members restart as PostgreSQL and Patroni have it, seen through an ordered restart's commands."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.parameters.values import ORDERED
from cluster.plans.configure import merged
from cluster.plans.restart_pending.members import wanted_five
from tests.cluster.live_members import patroni_member, postgres_state
from tests.cluster.restart_live import settings_of
from tests.cluster.simulated_cluster import LOW, SimulatedMember
from tests.cluster.simulated_cluster import World as SimulatedCluster

BLOCKS_PER_MB = 128
CONTROLLED = {"max_prepared_transactions": "max_prepared_xacts", "max_locks_per_transaction": "max_locks_per_xact"}


@dataclass
class RestartWorld:
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
    fatal: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

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

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if host in self.dead:
            raise ConnectionResetError(104, "Connection reset by peer")
        if "def streaming_from" in command:
            return True, [json.dumps(self._patroni(command))]
        if "ask control" in command:
            return True, self._postgres(self[host])
        if "pg_controldata" in command:
            return True, [self._replayed(host, command)]
        if "ask health ectl" in command:
            said = {"health": "[]", "members": '{"members": []}', "alarms": "", "keys": "{}"}
            return True, [_line(name, 0, text) for name, text in said.items()]
        if "journalctl" in command:
            return True, [f"last line of {host}"]
        if "memory_kib=" in command:
            return True, ["memory_kib=16777216", "cores=8", "disk_kib=209715200", "patroni=4.0.7-3"]
        if "def noticed" in command:
            return True, [json.dumps(self._restarted(host, json.loads(shlex.split(command)[-1])))]
        if command == "true":  # what a plan yields instead of what is decided later
            return True, []
        assert 'method="PATCH"' in command, command
        self._patched(json.loads(stdin))
        return True, []

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
        if one.leads != asked["leads"]:
            return _said(asked=False, text=f"it is a {'primary' if one.leads else 'replica'} now")
        if not self._waits(one):
            return _said(asked=False, text="Patroni here does not say that a restart is pending")
        if name in self.answers:
            return self.answers.pop(name)
        self.done.append(name)
        self.asked.append(asked)
        self._start(one)
        self.after.pop(name, lambda: None)()
        if not one.up:
            return _said(status=503, text="restart failed", ready=False)
        return _said(status=200, text="restarted successfully", ready=True)

    def _waits(self, one: SimulatedMember) -> bool:
        starts = {key: self.cluster.wanted[key] if one.leads else max(self.cluster.wanted[key], one.control[key])
                  for key in ORDERED}  # fmt: skip
        return starts != one.running or self.buffers[one.name] != self._declared_buffers

    def _replayed(self, host: str, command: str) -> str:
        self.done.append(f"~{host}")
        self[host].held = host in self.never
        self.cluster.replay()
        conditions = re.findall(r'\$1 == "(\w+) setting" && \$2 > (\d+)', command)
        assert conditions
        control = {CONTROLLED.get(name, name): value for name, value in self[host].control.items()}
        return "no" if any(control[name] > int(most) for name, most in conditions) else "yes"

    def _patroni(self, command: str) -> dict[str, Any]:
        expected = json.loads(shlex.split(command.removesuffix("; else echo '{}'; fi"))[-1])["expected"]
        alive = [one for one in self.cluster.members if one.name not in self.dead]
        well = {one.name for one in alive if one.up and not one.stuck}
        leader = next((one.name for one in alive if one.leads and one.up), None)
        return {
            "answers": True,
            "error": "",
            "version": "4.0.7",
            "leader": leader,
            "members": {one.name: patroni_member(one.leads, running=one.up, streaming=one.up) for one in alive},
            "config": {"postgresql": {"parameters": self.parameters}},
            "paused": self.patroni_paused,
            "scheduled_switchover": None,
            "settled": leader is not None and set(expected) <= well,
        }

    def _postgres(self, one: SimulatedMember) -> list[str]:
        words = {"Database system identifier": "76", "Database cluster state": "in production"}
        values = {f"{CONTROLLED.get(name, name)} setting": value for name, value in one.control.items()}
        control = {**words, "Latest checkpoint's TimeLineID": 3, **values}
        lines = "\n".join(f"{name}:      {value}" for name, value in control.items())
        answer = (0, json.dumps(self._sql(one))) if one.up else (2, "psql: error: connection refused")
        return [_line("sql", *answer), _line("control", 0, lines)]

    def _sql(self, one: SimulatedMember) -> dict[str, Any]:
        others = [other.name for other in self.cluster.members if other is not one and other.up]
        state = postgres_state(
            one.leads,
            settings=settings_of(one.running, self.buffers[one.name] * BLOCKS_PER_MB),
            replication=[{"name": name, "state": "streaming"} for name in others] if one.leads else [],
            replay=None if one.leads else "paused" if one.stuck or one.name in self.paused else "not paused",
            slots=[],
            prepared={"count": 0, "oldest_seconds": 0},
        )
        return {name: value for name, value in state.items() if name not in ("answers", "error", "control")}


def _said(status: int = 0, text: str = "", ready: bool = False, asked: bool = True) -> dict[str, Any]:
    return {"asked": asked, "status": status, "text": text, "ready": ready, "seconds": 1.5}


def _line(name: str, code: int, text: str) -> str:
    return f"{name}|{code}|{base64.b64encode(text.encode()).decode()}"
