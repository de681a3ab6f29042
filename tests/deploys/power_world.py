"""A cluster that goes down and comes up: what runs on each host, how far each member's WAL goes, and who leads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.declared.model import Cluster
from cluster.measures import lsn_text
from tests.cluster.live_members import patroni_member, postgres_state
from tests.deploys.removal_world import line

RECORD = 120
UNITS = ("haproxy", "etcd", "etcd-snapshot.timer")  # those beside Patroni that a colocated host has
CONTROL = """\
Database system identifier:           {identifier}
Database cluster state:               {state}
Latest checkpoint location:           {end}
Latest checkpoint's REDO location:    {end}
Latest checkpoint's TimeLineID:       {timeline}
Minimum recovery ending location:     0/0
max_connections setting:              100
max_worker_processes setting:         100
max_wal_senders setting:              10
max_prepared_xacts setting:           100
max_locks_per_xact setting:           100
"""
ACTS = {
    "CHECKPOINT": "checkpoint",
    "kill -STOP": "hold",
    "kill -CONT": "release",
    "systemctl stop patroni": "stop patroni",
    "systemctl start patroni": "start patroni",
    "systemctl stop": "stop",
    "systemctl start": "start",
    "def find_config": "resume",
    'method="PATCH"': "resume",
}


@dataclass
class Member:
    """
    One member. + led: its data are those of a primary; + served: PostgreSQL runs; + end: of its WAL; + owing: bytes of
    it that it has received and not replayed, until somebody waits for that
    """

    patroni: bool = True
    held: bool = False
    served: bool = True
    led: bool = False
    end: int = 1000
    owing: int = 0
    timeline: int = 3
    enabled: str = "enabled"
    restoring: bool = False
    empty: bool = False
    identifier: str = "76"


@dataclass
class PowerWorld:
    """
    What everybody answers, and what was done to whom, in order. Fails when somebody leads with less than others have.

    + units: those beside Patroni that run on each host
    + given_up: members whose data may be lost
    + hooks: an act to what happens just after it
    + fatal: members whose PostgreSQL ends with these words
    """

    cluster: Cluster
    leader: str | None = "h1"
    paused: bool = False
    scheduled: dict[str, Any] | None = None
    backup: bool = False
    clients: int = 2
    keys: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    fatal: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members = {node.name: Member(led=node.name == self.leader) for node in self.cluster.members}
        self.units = {node.name: set(UNITS) for node in self.cluster}

    def write(self, count: int = 1) -> None:
        """Clients write, and every standby that streams receives it."""
        for one in self.members.values():
            one.end += count if one.served else 0

    def cut_power(self) -> None:
        """Everything ends as it is."""
        for name, one in self.members.items():
            one.patroni = one.served = one.held = False
            self.units[name].clear()
        self.leader = None

    def boot(self, *names: str) -> None:
        """Hosts come up by themselves, with what is enabled."""
        for name in names or tuple(self.members):
            self.units[name] |= set(UNITS)
            self.members[name].patroni = self.members[name].enabled == "enabled"
        self._elect()

    def is_down(self) -> bool:
        """Whether nothing runs anywhere."""
        idle = not any(one.patroni or one.served for one in self.members.values())
        return idle and not any(self.units.values())

    @property
    def ends(self) -> set[tuple[int, int]]:
        """Where the members' data end: one place when all are the same."""
        return {(one.timeline, one.end) for one in self.members.values() if not one.empty}

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        assert host not in self.dead, f"{host} is dead and was asked: {command[:80]}"
        if "ask held" in command:
            self._replay(host, command)
            return True, self._power(host)
        if "def streaming_from" in command:
            found = re.search(r'\{"expected": (\[.*?\])', command)
            return True, [json.dumps(self._patroni(host, set(json.loads(found[1] if found else "[]"))))]
        if "pg_controldata" in command:
            return True, self._postgres(host)
        if "ask health ectl" in command:
            return True, self._etcd()
        if "client_addr is not null" in command:
            return True, ["4711"] * self.clients or [""]
        if "systemctl show" in command and "kill -" not in command:
            return True, self._component(host, command)
        if command.startswith("du "):
            return True, ["95"]
        if "journalctl -u" in command and "systemctl" not in command:
            return True, [f"last line of {host}"]
        word = next(name for words, name in ACTS.items() if words in command)
        self._act(word, host, command)
        return True, []

    def _replay(self, host: str, command: str) -> None:
        one, waits = self.members[host], re.search(r"\+ ([1-9]\d*) \)\)\n.* <= (\d+)", command)
        if waits and one.served and one.end - one.owing <= int(waits[2]):
            one.owing = 0

    def _act(self, word: str, host: str, command: str) -> None:
        one = self.members[host]
        if word == "hold":
            one.held = True
        elif word == "release":
            one.held = False
        elif word == "stop patroni":
            self._stop(host)
        elif word == "start patroni":
            one.patroni = True
            self._elect()
        elif word == "resume":
            self.paused = False
            self._elect()
        elif word in ("stop", "start"):
            word = f"{word} {'+'.join(self._unit(host, word, command))}"
        self.done.append(f"{word} {host}")
        self.hooks.get(word, lambda: None)()

    def _unit(self, host: str, word: str, command: str) -> list[str]:
        named = [unit for unit in UNITS if re.search(rf"systemctl {word} .*(?<![\w-]){unit}(?![\w.-])", command)]
        if word == "start":
            self.units[host] |= set(named)
            self._elect()
        else:
            self.units[host] -= set(named)
        return named

    def _stop(self, host: str) -> None:
        one = self.members[host]
        one.patroni = one.held = False
        if not one.served:
            return
        if self.leader == host:
            for other in self.members.values():
                other.end += RECORD if other.served else 0
            self.leader = None
        one.served = False
        self._elect()

    def _quorum(self) -> bool:
        return sum("etcd" in units for units in self.units.values()) > len(self.cluster.etcd) // 2

    def _elect(self) -> None:
        """Whoever comes first, as soon as etcd has its quorum."""
        well = {name: one for name, one in self.members.items() if name not in self.fatal}
        able = {name: one for name, one in well.items() if one.patroni and not one.held}
        if not self._quorum() or self.paused:
            return
        if self.leader is None and able:
            self.leader = next((name for name in able if not able[name].empty), None)
            self._begin()
        for name, one in able.items():
            if self.leader is not None and name != self.leader:
                leading = self.members[self.leader]
                one.served, one.led, one.empty = True, False, False
                one.end, one.timeline = leading.end, leading.timeline

    def _begin(self) -> None:
        if self.leader is None:
            return
        leading = self.members[self.leader]
        others = [one for name, one in self.members.items() if name not in self.given_up and not one.empty]
        most = max((one.timeline, one.end) for one in others)
        assert (leading.timeline, leading.end) >= most, f"{self.leader} leads with less than others have"
        leading.served = leading.led = True
        leading.timeline += 1

    def _power(self, host: str) -> list[str]:
        one, data = self.members[host], self.members[host]
        primary = self.leader == host and one.served
        sql = {"in_recovery": not primary, "received": None if primary else one.end, "replayed": one.end - one.owing}
        state = "in production" if primary else "shut down" if data.led else "shut down in recovery"
        control = CONTROL.format(
            identifier=data.identifier, state=state, end=lsn_text(data.end - RECORD), timeline=data.timeline
        )
        unit = f"ActiveState={'active' if one.patroni else 'inactive'}\nUnitFileState={one.enabled}"
        return [
            line("unit", unit),
            line("held", "", 0 if one.held else 1),
            line("restoring", "", 0 if one.restoring else 2),
            line("data", "empty" if one.empty else "there"),
            line("runs", "", 0 if one.served else 1),
            line("sql", json.dumps(sql) if one.served else "no server", 0 if one.served else 2),
            line("control", "" if one.empty else control, 1 if one.empty else 0),
            line("turns", ""),
            line("wal", "" if one.served else f"invalid record length at {lsn_text(one.end)}: wanted 24, got 0", 1),
        ]

    def _patroni(self, host: str, expected: set[str]) -> dict[str, Any]:
        one = self.members[host]
        if not one.patroni or one.held:
            return {"answers": False, "error": "timed out" if one.held else "connection refused", "settled": False}
        there = {name: other for name, other in self.members.items() if other.patroni}
        members = {name: patroni_member(name == self.leader, timeline=other.timeline) for name, other in there.items()}
        settled = self.leader is not None and expected <= set(there)
        known = {"leader": self.leader, "members": members, "config": {}, "paused": self.paused, "settled": settled}
        return {"answers": True, "error": "", "version": "4.0.7", "scheduled_switchover": self.scheduled, **known}

    def _postgres(self, host: str) -> list[str]:
        state = postgres_state(host == self.leader, slots=[], backup_seconds=600 if self.backup else None)
        sql = {name: value for name, value in state.items() if name not in ("answers", "error", "control")}
        up = self.members[host].served
        control = CONTROL.format(identifier="76", state="in production", end="0/0", timeline=3)
        return [line("sql", json.dumps(sql) if up else "no server", 0 if up else 2), line("control", control)]

    def _etcd(self) -> list[str]:
        code = 0 if self._quorum() else 1
        pairs = [{"key": _coded(key), "value": _coded(value)} for key, value in self.keys.items()]
        members = [{"ID": n, "name": node.name, "peerURLs": ["u"]} for n, node in enumerate(self.cluster.etcd, 10)]
        said = {"health": "[]", "members": json.dumps({"members": members}), "alarms": ""}
        answers = [line(name, text, code) for name, text in said.items()]
        return [*answers, line("keys", json.dumps({"kvs": pairs}), code)]

    def _component(self, host: str, command: str) -> list[str]:
        lines = []
        for unit in re.findall(r"^printf .* 'unit\|(.*?)'", command, re.MULTILINE):
            up = "active" if unit in self.units[host] else "inactive"
            lines += [f"unit|{unit}", "LoadState=loaded", f"ActiveState={up}", "UnitFileState=enabled"]
        return lines


def _coded(text: str) -> str:
    return line("", text).split("|")[2]
