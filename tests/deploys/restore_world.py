"""A cluster with a repository, as far as a restore goes: who runs, who leads, what each member knows of it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.live_members import patroni_member, postgres_state

NOW = 1795262400
KEPT = ("config", "initialize", "history")
OF_THE_OLD_DATA = {"status", "failover", "failsafe", "sync"}
MEMBERS = ("h1", "h2", "h3")
MIB = 1 << 20
CONTROL = """\
Database system identifier:           76
Database cluster state:               shut down
Latest checkpoint's TimeLineID:       3
max_connections setting:              100
max_worker_processes setting:         100
max_wal_senders setting:              10
max_prepared_xacts setting:           100
max_locks_per_xact setting:           100
"""
INFO = {
    "name": "main",
    "db": [{"id": 1, "system-id": 76}],
    "status": {"code": 0, "message": "ok", "lock": {"backup": {"held": False}}},
    "archive": [
        {"database": {"id": 1}, "id": "17-1", "min": "000000010000000000000001", "max": "000000030000000000000009"}
    ],
    "backup": [
        {
            "label": "20261121-110000F",
            "database": {"id": 1, "repo-key": 1},
            "type": "full",
            "timestamp": {"start": NOW - 3700, "stop": NOW - 3600},
            "info": {"size": 100 * MIB, "repository": {"delta": MIB}},
            "archive": {"start": "000000030000000000000007", "stop": "000000030000000000000008"},
            "lsn": {"start": "0/100000", "stop": "0/200000"},
            "error": False,
        }
    ],
}
WORDS = {
    "order.json": "note",
    "systemctl stop patroni": "halt",
    "pg_switch_wal": "archive",
    "archive_status": "archive the rest",
    "etcdctl --dial-timeout=2s": "forget",
    "restore/program &&": "program",
    "restore/program.new": "program",
    "systemd-run": "restore",
    "kept=$x": "aside",
    "restore/tablespaces &&": "spaces",
    "restore/tablespaces.new": "spaces",
    "before-restore": "disarm",
    "systemctl unmask --quiet patroni && systemctl start": "release",
    "/reinitialize": "reinitialize",
    "rm -rf": "over",
    "systemctl stop pgbackrest-restore": "end",
}


@dataclass
class RestoreWorld:
    """
    What members, etcd and the repository answer, and what was done to whom, in order.

    + left: the segment that cannot be archived; + fails: what the unit that restores says; + leads_still: in etcd
    + stuck: members whose PostgreSQL does not start, though their Patroni runs; + asked: the last proof of the archive
    + orders: the note on each member; + hooks: an act to what happens just after it
    + spaces: tablespaces of each member; + known: those of the backup
    + copying: members whose Patroni begins a copy by itself as soon as it runs
    + keys: what etcd remembers; of the data that were, one is enough to let nobody lead with others
    """

    leader: str | None = "h1"
    timeline: int = 3
    left: str = ""
    fails: str = ""
    leads_still: str = ""
    stuck: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=lambda: set(MEMBERS))
    lame: set[str] = field(default_factory=set)
    copying: set[str] = field(default_factory=set)
    orders: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    results: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    spaces: dict[str, set[str]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=lambda: {*KEPT, *OF_THE_OLD_DATA})

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if "def streaming_from" in command:
            found = re.search(r'\{"expected": (\[.*?\])', command)
            return True, [json.dumps(self._patroni(host, set(json.loads(found[1] if found else "[]"))))]
        if "ask order text" in command:
            return True, self._restore(host)
        if "pg_controldata" in command:
            return True, self._postgres(host)
        if "ask health ectl" in command:
            said = {"health": "[]", "members": '{"members": []}', "alarms": "", "keys": "{}"}
            return True, [line(name, text) for name, text in said.items()]
        if "--set=20261121-110000F --output=json" in command:
            known = [{"destination": path, "name": path, "oid": 1} for path in sorted(self.known)]
            return True, [line("info", json.dumps([{"backup": [{**INFO["backup"][0], "tablespace": known}]}]))]
        if "ask info" in command:
            kinds = "".join(
                f"kind={kind}\nSubState=dead\nResult=success\nwords=\n" for kind in ("full", "diff", "incr")
            )
            return True, [line("info", json.dumps([INFO])), line("attempts", kinds)]
        if command.startswith("du "):
            return True, ["95"]
        if "journalctl" in command:
            return True, [f"last line of {host}"]
        return True, self._act(host, command, stdin)

    @property
    def fatal(self) -> dict[str, str]:
        return dict.fromkeys(self.stuck, "could not map anonymous shared memory: Cannot allocate memory")

    def _act(self, host: str, command: str, stdin: str) -> list[str]:
        word = next(name for words, name in WORDS.items() if words in command)
        self.done.append(f"{word} {host}")
        if word in ("archive", "archive the rest"):
            self.asked.append(command)
        if word == "forget" and not self.leads_still:
            self.keys -= set(re.findall(r"for key in (.*); do ectl del", command)[0].split())
        said = self._obeyed(word, host, stdin)
        self.hooks.get(word, lambda: None)()
        return said

    def _obeyed(self, word: str, host: str, stdin: str) -> list[str]:
        if word in ("archive", "archive the rest"):
            return [f"left {self.left}" if self.left else "archived"]
        if word == "forget":
            return [self.leads_still]
        if word == "reinitialize":
            self.lame.discard(host)
            return [json.dumps({"status": 200, "text": "reinitialize started"})]
        {"note": self._note, "halt": self._halt, "restore": self._begin, "aside": self._aside, "over": self._over}.get(
            word, self._other(word)
        )(host, stdin)
        return []

    def _note(self, host: str, stdin: str) -> None:
        self.orders[host] = stdin

    def _halt(self, host: str, _: str) -> None:
        self.running.discard(host)
        self.leader = None if self.leader == host else self.leader

    def _aside(self, host: str, _: str) -> None:
        self.spaces[host] &= self.known
        if self.leader is None:
            self.begun.add(host)

    def _begin(self, host: str, _: str) -> None:
        self.begun.add(host)
        if not self.fails:
            self.results[host] = "4|0/9014D98|2026-11-21 11:59:00+00"

    def _over(self, host: str, _: str) -> None:
        for known in (self.orders, self.results):
            known.pop(host, None)
        self.begun.discard(host)

    def _other(self, word: str) -> Callable[[str, str], None]:
        def act(host: str, _: str) -> None:
            if word in ("release", "disarm"):
                self.running.add(host)
                if word == "disarm":
                    self.lame.add(host)
                elif self.leader is None and host not in self.stuck and self._may_lead(host):
                    self.leader, self.timeline = host, self.timeline + 2

        return act

    def _may_lead(self, host: str) -> bool:
        return host not in self.begun or not self.keys & OF_THE_OLD_DATA

    def _patroni(self, host: str, expected: set[str]) -> dict[str, Any]:
        if host not in self.running:
            return {"answers": False, "error": "connection refused", "settled": False}
        # A copy that nobody asked for comes to its end while it is waited for.
        self.lame -= self.copying & expected
        stuck = {"state": "start failed", "running": False, "streaming": False, "timeline": None}
        members = {
            name: patroni_member(
                name == self.leader,
                **{
                    "timeline": self.timeline,
                    **({"streaming": False, "timeline": 1, "state": self._state(name)} if name in self.lame else {}),
                    **(stuck if name in self.stuck else {}),
                },
            )
            for name in self.running
        }
        settled = self.leader is not None and not expected & self.lame and expected <= self.running
        known = {"leader": self.leader, "members": members, "config": {}, "paused": False, "settled": settled}
        return {"answers": True, "error": "", "version": "4.0.7", "scheduled_switchover": None, **known}

    def _state(self, name: str) -> str:
        return "creating replica" if name in self.copying else "stopped"

    def _postgres(self, host: str) -> list[str]:
        state = postgres_state(host == self.leader, timeline=self.timeline, slots=[])
        sql = {name: value for name, value in state.items() if name not in ("answers", "error", "control")}
        up = host in self.running and host not in self.stuck
        return [line("sql", json.dumps(sql) if up else "no server", 0 if up else 2), line("control", CONTROL)]

    def _restore(self, host: str) -> list[str]:
        failed = bool(self.fails) and host in self.begun
        said = {
            "order": (self.orders.get(host, ""), 0),
            "result": (self.results.get(host, ""), 0),
            "begun": ("", 0 if host in self.begun else 2),
            "unit": ("failed" if failed else "inactive", 0),
            "patroni": ("active" if host in self.running else "inactive", 0),
            "error": (self.fails, 0),
            "far": ("", 0),
            "room": ("1000", 0),
            "spaces": ("".join(f"{path}\n" for path in sorted(self.spaces.get(host, ()))), 0),
            "now": (str(NOW), 0),
        }
        return [line(name, text, code) for name, (text, code) in said.items()]


def line(name: str, text: str, code: int = 0) -> str:
    """One answer as a host gives it."""
    return f"{name}|{code}|{base64.b64encode(text.encode()).decode()}"
