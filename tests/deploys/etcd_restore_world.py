"""A cluster whose etcd is lost: what is left of it on each host, how far each member is, what they know of a repair."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.declared.model import Cluster
from tests.cluster.live_members import patroni_member
from tests.deploys.power_world import CONTROL, wal_text
from tests.deploys.removal_world import encoded, line

DATA = "/var/lib/etcd/main"
NOW = 1795262400
KEYS = {"initialize": "76", "config": "{}", "leader": "h3", "sync": "{}", "members/h3": "{}"}
ACTS = {
    "order.json.new": "note",
    "systemctl stop patroni": "halt",
    "systemctl unmask --quiet patroni": "release",
    "snapshot restore": "restore",
    ".before-": "put aside",
    "gzip -c": "fetch",
    "gzip -d": "bring",
    "bootstrap.env.new": "write bootstrap",
    "systemctl start etcd": "start etcd",
    "del --prefix": "forget who led",
    "rm -rf /var/lib/pyinfra-patroni/etcd-restore": "over",
}


@dataclass
class EtcdRestoreWorld:
    """
    What everybody answers, and what was done to whom, in order. It holds that data are never lost on the way.

    + data: revision of etcd's data in their place, by host; + aside: of those put beside
    + snapshots: revision of the newest one, by host; + known: the keys in whatever etcd is rebuilt from
    + ends: where the WAL of each member ends when it is down; + timelines: and on which timeline
    + turns: the newest history file of each member, its name first
    + answering: hosts whose etcd has a quorum; + runs_on: members whose PostgreSQL runs on without Patroni
    + hooks: an act to what happens just after it
    """

    cluster: Cluster
    data: dict[str, int] = field(default_factory=lambda: {"h1": 120})
    snapshots: dict[str, int] = field(default_factory=lambda: {"h1": 100, "h4": 110})
    etcd: set[str] = field(default_factory=lambda: {"h1"})
    answering: set[str] = field(default_factory=set)
    known: dict[str, str] = field(default_factory=lambda: dict(KEYS))
    ends: dict[str, int] = field(default_factory=lambda: {"h1": 0x3000180, "h2": 0x3000180, "h3": 0x3000180})
    timelines: dict[str, int] = field(default_factory=lambda: {"h1": 3, "h2": 3, "h3": 3})
    turns: dict[str, str] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=lambda: {"h1": "76", "h2": "76", "h3": "76"})
    primaries: set[str] = field(default_factory=lambda: {"h1"})
    runs_on: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.running = {node.name for node in self.cluster.members}
        self.leader: str | None = None
        self.keys: dict[str, str] | None = None
        self.aside: dict[str, int] = {}
        self.moved: dict[str, set[str]] = {}
        self.notes: dict[str, str] = {}

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if "def streaming_from" in command:
            return True, [json.dumps(self._patroni(host))]
        if "ask $name $name" in command:
            return True, self._remains(host)
        if "pg_waldump" in command:
            return True, self._data(host)
        if "ask health ectl" in command:
            return True, self._etcd()
        if command.startswith("journalctl"):
            return True, [f"last line of {host}"]
        return True, self._act(host, command, stdin)

    def _act(self, host: str, command: str, stdin: str) -> list[str]:
        word = next(name for words, name in ACTS.items() if words in command)
        self.done.append(f"{word} {host}")
        acts: dict[str, Callable[[str, str, str], list[str]]] = {
            "note": self._note,
            "halt": self._halt,
            "release": self._release,
            "put aside": self._put_aside,
            "restore": self._restore,
            "start etcd": self._start,
            "forget who led": self._forget,
            "over": self._over,
        }
        said = acts.get(word, lambda *_: ["H4sI"])(host, command, stdin)
        self.hooks.get(word, lambda: None)()
        return said

    def _note(self, host: str, _: str, stdin: str) -> list[str]:
        self.notes[host] = stdin
        return []

    def _over(self, host: str, _: str, __: str) -> list[str]:
        self.notes.pop(host, None)
        return []

    def _halt(self, host: str, _: str, __: str) -> list[str]:
        assert host in self.notes, "nobody would know why it is down"
        self.running.discard(host)
        return []

    def _release(self, host: str, _: str, __: str) -> list[str]:
        assert self.keys is not None, "there is no etcd to be elected in"
        if self.leader is None:
            assert not self.running and not {"leader", "sync", "members/h3"} & set(self.keys)
            self.leader = host
        self.running.add(host)
        return []

    def _put_aside(self, host: str, command: str, _: str) -> list[str]:
        assert not self.running, "Patroni still runs somewhere"
        self.etcd.discard(host)
        found = re.search(r"\.before-(\w+)", command)
        assert found is not None
        if found[1] not in self.moved.setdefault(host, set()):
            self.moved[host].add(found[1])
            if host in self.data:
                self.aside[host] = self.data.pop(host)
                self.keys = None
        return []

    def _restore(self, host: str, command: str, _: str) -> list[str]:
        self.source = re.findall(r"snapshot restore (\S+) --name", command)[0]
        self.data.setdefault(host, 1_000_000_120)
        return []

    def _start(self, host: str, _: str, __: str) -> list[str]:
        self.etcd.add(host)
        self.keys = dict(self.known) if self.keys is None else self.keys
        return []

    def _forget(self, host: str, _: str, __: str) -> list[str]:
        assert not self.running and host in self.etcd and self.keys is not None
        self.keys = {name: text for name, text in self.keys.items() if name in ("initialize", "config")}
        return []

    def _remains(self, host: str) -> list[str]:
        kept = [f"{DATA}/member/snap/db|{NOW - 60}|{self.data[host]}"] if host in self.data else []
        kept += [f"{DATA}.before-x/member/snap/db|{NOW - 60}|{self.aside[host]}"] if host in self.aside else []
        place = "/var/lib/pyinfra-patroni/etcd-snapshots"
        listed = [f"{place}/20261121T110000Z-{self.snapshots[host]}.db"] if host in self.snapshots else []
        answers = self.keys is not None and host in self.etcd
        return [
            line("active", "yes" if host in self.etcd else "no"),
            line("quorum", "", 0 if answers or host in self.answering else 1),
            line("data", "", 0 if host in self.data else 1),
            line("kept", "\n".join(kept)),
            line("snapshots", "\n".join(listed)),
            line("order", self.notes.get(host, "")),
            line("now", str(NOW)),
        ]

    def _data(self, host: str) -> list[str]:
        up, answers = host in self.running or host in self.runs_on, host in self.running
        primary, timeline, end = host in self.primaries, self.timelines[host], self.ends[host]
        state = "in production" if primary else "shut down in recovery"
        control = CONTROL.format(identifier=self.identifiers[host], state=state, end="0/28", timeline=timeline)
        sql = {"in_recovery": not primary, "written" if primary else "received": end}
        return [
            line("unit", f"ActiveState={'active' if answers else 'inactive'}\nUnitFileState=enabled"),
            line("held", "", 1),
            line("restoring", "", 2),
            line("data", "there"),
            line("runs", "", 0 if up else 1),
            line("sql", json.dumps(sql) if answers else "no server", 0 if answers else 2),
            line("control", control),
            line("turns", self.turns.get(host, "")),
            line("wal", "" if up else wal_text(timeline, end)),
        ]

    def _patroni(self, host: str) -> dict[str, Any]:
        if host not in self.running:
            return {"answers": False, "error": "connection refused", "settled": False}
        members = {name: patroni_member(name == self.leader) for name in self.running}
        known = {"leader": self.leader, "members": members, "config": {}, "paused": False, "settled": True}
        return {"answers": True, "error": "", "version": "4.0.7", "scheduled_switchover": None, **known}

    def _etcd(self) -> list[str]:
        pairs = [{"key": encoded(f"/service/main/{k}"), "value": encoded(v)} for k, v in (self.keys or {}).items()]
        return [
            line("health", "[]"),
            line("members", json.dumps({"members": []})),
            line("alarms", ""),
            line("keys", json.dumps({"kvs": pairs}), 0 if self.keys is not None else 1),
        ]
