"""A Patroni cluster on some hosts, as far as its leader, its pause and its members' data go."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.live_members import patroni_member, postgres_state

Answer = tuple[int, str]


@dataclass
class SwitchoverWorld:
    """
    What Patroni, PostgreSQL and etcd answer, and what was done to whom, in order.

    + answers: what Patroni answers to POST; absent: it does as it is told
    + hooks: command word to what happens just after that command, e.g. somebody else moves the leader
    + lame: members that do not stream, with their state
    + dead: members whose Patroni does not answer
    + backup_seconds: age of a backup's session on the leader
    + config: the dynamic configuration
    + places: what every host has where the cluster has tablespaces
    + will_be_synchronous: who is named synchronous as soon as somebody waits for it
    """

    names: list[str]
    leader: str | None
    timeline: int = 3
    paused: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    lame: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    started_at: dict[str, float] = field(default_factory=dict)
    backup_seconds: float | None = None
    sees_pause: dict[str, bool] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    will_be_synchronous: set[str] = field(default_factory=set)
    synchronous: set[str] = field(default_factory=set)
    places: dict[str, str] = field(default_factory=dict)

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if "def streaming_from" in command:
            if '"synchronous": true' in command:
                self.synchronous = self.will_be_synchronous
            found = re.search(r'\{"expected": (\[.*?\])', command)
            return True, [json.dumps(self._patroni(host, set(json.loads(found[1] if found else "[]"))))]
        if "patroni_pause_seen" in command or "def paused()" in command:
            return True, [json.dumps(self.sees_pause.get(host, self.paused))]
        if "pg_controldata" in command:
            return True, self._postgres(host)
        if "ask health ectl" in command:
            return True, self._etcd()
        if "pg_tablespace_location" in command:
            return True, list(self.places)
        if "kind=lost" in command:
            return True, [f"{path}|0|{base64.b64encode(kind.encode()).decode()}" for path, kind in self.places.items()]
        if command.startswith("du "):
            return True, ["95"]
        if "journalctl" in command:
            return True, [f"last line of {host}"]
        return True, self._act(host, command, stdin)

    def _act(self, host: str, command: str, stdin: str) -> list[str]:
        said: list[str] = []
        word = next(word for word in ("CHECKPOINT", "/switchover", "/reinitialize", "create temporary", "/config",
                                 "install -d")
                    if word in command)  # fmt: skip
        self.done.append(f"{word} {host}" + (f" {stdin}" if stdin else ""))
        if word in ("/switchover", "/reinitialize"):
            status, text = self.answers.get(word) or self._obey(host, word, json.loads(stdin))
            said = [json.dumps({"status": status, "text": text})]
        elif word == "/config":
            self.paused = bool(json.loads(stdin)["pause"])
        self.hooks.get(word, lambda: None)()
        return said

    def _obey(self, host: str, word: str, asked: dict[str, Any]) -> Answer:
        if word == "/reinitialize":
            self.lame.pop(host, None)
            self.started_at[host] = 2000.0
            return 200, "reinitialize started"
        self.lead(asked["candidate"])
        return 200, f'Successfully switched over to "{asked["candidate"]}"'

    def lead(self, name: str) -> None:
        """Another member leads."""
        self.leader, self.timeline = name, self.timeline + 1

    def _patroni(self, host: str, expected: set[str]) -> dict[str, Any]:
        if host in self.dead:
            return {"answers": False, "error": "connection refused", "settled": False}
        alive = [name for name in self.names if name not in self.dead]
        well = self.leader is not None and not expected & {*self.lame, *self.dead}
        return {
            "answers": True,
            "error": "",
            "version": "4.0.7",
            "leader": self.leader,
            "members": {name: self._member(name) for name in alive},
            "config": self.config,
            "paused": self.paused,
            "scheduled_switchover": None,
            "settled": well,
        }

    def _member(self, name: str) -> dict[str, Any]:
        lame = {"state": self.lame[name], "streaming": False, "timeline": 1} if name in self.lame else {}
        told = {"timeline": self.timeline, "synchronous": name in self.synchronous}
        return patroni_member(name == self.leader, **{**told, **lame})

    def _postgres(self, host: str) -> list[str]:
        leads = host == self.leader
        state = postgres_state(leads, timeline=self.timeline, started_at=self.started_at.get(host, 1000.0))
        control = "\n".join(
            [
                "Database system identifier:           76",
                "Database cluster state:               in production",
                "Latest checkpoint's TimeLineID:       3",
                "max_connections setting:              100",
                "max_worker_processes setting:         100",
                "max_wal_senders setting:              10",
                "max_prepared_xacts setting:           100",
                "max_locks_per_xact setting:           100",
            ]
        )
        state["backup_seconds"] = self.backup_seconds if leads else None
        sql = {name: value for name, value in state.items() if name not in ("answers", "error", "control")}
        return [_line("sql", 0, json.dumps(sql)), _line("control", 0, control)]

    def _etcd(self) -> list[str]:
        said = {"health": "[]", "members": '{"members": []}', "alarms": "", "keys": "{}"}
        return [_line(name, 0, text) for name, text in said.items()]


def _line(name: str, code: int, text: str) -> str:
    return f"{name}|{code}|{base64.b64encode(text.encode()).decode()}"
