"""A cluster that a host leaves: who runs and leads, etcd's members and keys, slots, units and files of each host."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.components.all import SERVICES
from cluster.components.etcd import BOOTSTRAP, etcd_data_directory
from cluster.components.patroni import CONFIG
from cluster.declared.model import Cluster
from tests.cluster.live_members import patroni_member, postgres_state

CONTROL = """\
Database system identifier:           76
Database cluster state:               in production
Latest checkpoint's TimeLineID:       3
max_connections setting:              100
max_worker_processes setting:         100
max_wal_senders setting:              10
max_prepared_xacts setting:           100
max_locks_per_xact setting:           100
"""
ACTS = {
    "etcdctl put": "note",
    "etcdctl del": "forget",
    "etcdctl move-leader": "move etcd's leader",
    "etcdctl member remove": "out of etcd",
    "disable --now --quiet patroni": "stop patroni",
    "disable --now --quiet haproxy": "stop haproxy",
    "disable --now --quiet pgbackrest": "stop pgbackrest",
    "disable --now --quiet etcd": "stop etcd",
    "rm -rf": "clear",
    "pg_drop_replication_slot": "drop slot",
    "CHECKPOINT": "checkpoint",
    "/switchover": "switchover",
    "create temporary": "write",
    'method="PATCH"': "configure",
}


@dataclass
class RemovalWorld:
    """
    What everybody answers, and what was done to whom, in order.

    + running: members whose Patroni runs; + listed: those whose key is in etcd, which outlives them a while
    + dead: hosts that must not be asked anything
    + voters: etcd's members by id; + unhealthy: those of them whose etcd is down
    + lost: slots of which PostgreSQL has no WAL any more; + answering: addresses that no host of ours has
    + units: of each host those that run; + files: that are there; + slots: of each member
    + own_files: addresses in a host's own configuration
    + hooks: an act to what happens just after it
    """

    cluster: Cluster
    leader: str | None = "h1"
    etcd_leader: str = "h1"
    clients: int = 0
    version: str = "4.0.7"
    paused: bool = False
    scheduled: dict[str, Any] | None = None
    config: dict[str, Any] = field(default_factory=lambda: {"ttl": 30})
    dead: set[str] = field(default_factory=set)
    lame: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    answering: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [node.name for node in self.cluster.members]
        self.running = set(names)
        self.voters = {f"{10 + n:x}": node.name for n, node in enumerate(self.cluster.etcd)}
        self.addresses = {node.name: str(node.address) for node in self.cluster}
        self.keys |= {f"/service/main/members/{name}": "{}" for name in names}
        self.slots = {name: {other for other in names if other != name} for name in names}
        self.was_at: dict[str, str] = {}
        self.own_files: dict[str, str] = {}
        self.units = {node.name: {"patroni", "etcd"} for node in self.cluster}
        ties = {CONFIG, BOOTSTRAP, etcd_data_directory(self.cluster), self.cluster.data_directory}
        self.files = {node.name: set(ties) for node in self.cluster}

    def join_etcd(self, name: str) -> None:
        """As ``etcd.quorum`` lets a host join."""
        self.voters[f"{20 + len(self.voters):x}"] = name
        self.unhealthy.discard(name)

    def come(self, name: str) -> None:
        """A fresh host has the dead one's name."""
        self.dead.discard(name)
        self.files[name], self.units[name] = set(), set()

    def die(self, name: str) -> None:
        """A host dies, and is left out of the run; its key in etcd has run out."""
        self.dead.add(name)
        self.running.discard(name)
        self.unhealthy.add(name)
        self.keys.pop(f"/service/main/members/{name}", None)
        self.leader = None if self.leader == name else self.leader

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        assert host not in self.dead, f"{host} is dead and was asked: {command[:80]}"
        if "def streaming_from" in command:
            found = re.search(r'\{"expected": (\[.*?\])', command)
            return True, [json.dumps(self._patroni(host, set(json.loads(found[1] if found else "[]"))))]
        if "pg_controldata" in command:
            return True, self._postgres(host)
        if "ask health ectl" in command:
            return True, self._etcd(command)
        if "endpoint status" in command:
            return True, [json.dumps([self._status(one, name) for one, name in self.voters.items()])]
        if "/dev/tcp/" in command and "greet()" in command:
            peers = re.findall(r"(?:greet|try) ([\d.]+) (\d+) &", command)
            return True, [f"{a}|{p}|{'open' if a in self.answering else 'refused'}" for a, p in peers]
        if "client_addr is not null" in command:
            return True, ["4711"] * self.clients or [""]
        if "select slot_name from" in command:
            name = re.search(r"slot_name = '\W*(\w+)", command)
            return True, [slot for slot in self.slots[host] if name is not None and slot == name[1]] or [""]
        if "systemctl show" in command or "stat -c 'path|" in command:
            return True, self._component(host, command)
        if "clock|" in command:
            return True, self._picture(host)
        if "journalctl" in command:
            return True, [f"last line of {host}"]
        return True, self._act(host, command, stdin)

    def _act(self, host: str, command: str, stdin: str) -> list[str]:
        word = next(name for words, name in ACTS.items() if words in command)
        self.done.append(f"{word} {host}" + (f" {stdin}" if word == "configure" else ""))
        said = self._obeyed(word, host, command, stdin)
        self.hooks.get(word, lambda: None)()
        return said

    def _obeyed(self, word: str, host: str, command: str, stdin: str) -> list[str]:
        if word == "switchover":
            self.leader = json.loads(stdin)["candidate"]
            return [json.dumps({"status": 200, "text": "switched over"})]
        if word == "note":
            found = re.search(r"put (\S+) '(.*?)'", command)
            assert found is not None
            self.keys[found[1]] = found[2]
        elif word == "forget":
            del self.keys[command.split(" del ")[1].split()[0]]
        elif word == "out of etcd":
            found = re.search(r"member remove (\w+)", command)
            assert found is not None
            self._leave_etcd(found[1])
        elif word == "drop slot":
            self.slots[host] -= self.lost
        elif word == "move etcd's leader":
            self.etcd_leader = self.voters[command.split("move-leader ")[1].split()[0]]
        elif word == "configure":
            self._configure(json.loads(stdin))
        elif word == "clear":
            found = re.search(r"for p in (.*?); do rm", command)
            assert found is not None
            self.files[host] -= set(found[1].split())
        elif word.startswith("stop "):
            self._stop(host, word.removeprefix("stop "))
        return []

    def _leave_etcd(self, member: str) -> None:
        del self.voters[member]
        well = [name for name in self.voters.values() if name not in self.unhealthy]
        assert len(well) > len(self.voters) // 2, "the quorum is lost"

    def _stop(self, host: str, unit: str) -> None:
        self.units[host].discard(unit)
        if unit == "patroni":
            assert self.leader != host, "a leader was stopped"
            self.running.discard(host)

    def _configure(self, patch: dict[str, Any]) -> None:
        self.config = {name: value for name, value in {**self.config, **patch}.items() if value is not None}
        listed = {name.rpartition("/")[2] for name in self.keys if "/members/" in name}
        if self.config.get("member_slots_ttl") == 0:
            self.slots = {name: slots & listed for name, slots in self.slots.items()}

    def _patroni(self, host: str, expected: set[str]) -> dict[str, Any]:
        if host not in self.running:
            return {"answers": False, "error": "connection refused", "settled": False}
        lame = {"state": "starting", "streaming": False}
        listed = [name.rpartition("/")[2] for name in self.keys if "/members/" in name]
        members = {
            name: patroni_member(name == self.leader, **(lame if name in self.lame or name not in self.running else {}))
            for name in listed
        }
        settled = self.leader is not None and expected <= self.running - self.lame
        known = {"leader": self.leader, "members": members, "config": self.config, "paused": self.paused}
        other = {"version": self.version, "scheduled_switchover": self.scheduled, "settled": settled}
        return {"answers": True, "error": "", **known, **other}

    def _postgres(self, host: str) -> list[str]:
        slots = [
            {"name": name, "type": "physical", "active": True, "status": "lost" if name in self.lost else "reserved"}
            for name in sorted(self.slots[host])
        ]
        state = postgres_state(host == self.leader, slots=slots)
        sql = {name: value for name, value in state.items() if name not in ("answers", "error", "control")}
        up = host in self.running
        return [line("sql", json.dumps(sql) if up else "no server", 0 if up else 2), line("control", CONTROL)]

    def _etcd(self, command: str) -> list[str]:
        found = re.search(r"ETCDCTL_ENDPOINTS=(\S+)", command)
        asked = set(re.findall(r"https://([\d.]+):2379", found[1] if found else ""))
        health = [
            {"endpoint": f"https://{self.addresses[name]}:2379", "health": name not in self.unhealthy, "error": "down"}
            for name in self.addresses
            if self.addresses[name] in asked
        ]
        members = [
            {
                "ID": int(one, 16),
                "name": name,
                "peerURLs": [f"https://{self.was_at.get(one, self.addresses[name])}:2380"],
            }
            for one, name in self.voters.items()
        ]
        pairs = [{"key": encoded(key), "value": encoded(value)} for key, value in self.keys.items()]
        return [
            line("health", json.dumps(health), int(not all(one["health"] for one in health))),
            line("members", json.dumps({"members": members})),
            line("alarms", ""),
            line("keys", json.dumps({"kvs": pairs})),
        ]

    def _picture(self, host: str) -> list[str]:
        units = (unit.removesuffix(".service") for unit in SERVICES)
        state = " ".join("active" if unit in self.units[host] else "inactive" for unit in units)
        own = [f"patroni|{self.own_files[host]}:8008"] if host in self.own_files else []
        return ["clock|1", "architecture|x86_64", "scope|main", *own, f"active|{state}", "clock|2"]

    def _status(self, member: str, name: str) -> dict[str, Any]:
        leader = next((one for one, other in self.voters.items() if other == self.etcd_leader), "0")
        header = {"member_id": int(member, 16)}
        said = {"header": header, "version": "3.5.16", "leader": int(leader, 16)}
        return {"Endpoint": f"https://{self.addresses[name]}:2379", "Status": said}

    def _component(self, host: str, command: str) -> list[str]:
        asked = re.search(r"for p in (.*?); do", command)
        lines = [f"absent|{path}" for path in (asked[1].split() if asked else []) if path not in self.files[host]]
        lines += [f"path|{path}|directory|700|root|root" for path in (asked[1].split() if asked else [])
                  if path in self.files[host]]  # fmt: skip
        for unit in re.findall(r"'unit\|(\S+)'", command):
            state, enabled = ("active", "enabled") if unit in self.units[host] else ("inactive", "disabled")
            lines += [f"unit|{unit}", "LoadState=loaded", f"ActiveState={state}", f"UnitFileState={enabled}"]
        return lines


def encoded(text: str) -> str:
    """As etcd writes keys and values."""
    return base64.b64encode(text.encode()).decode()


def line(name: str, text: str, code: int = 0) -> str:
    """One answer as a host gives it."""
    return f"{name}|{code}|{encoded(text)}"
