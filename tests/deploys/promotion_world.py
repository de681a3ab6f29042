"""A standby cluster and its source, as far as a promotion asks them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api.exceptions import ConnectError

from cluster.declared.model import Cluster
from tests.cluster.declared.test_standby_clusters import both
from tests.cluster.live_members import patroni_member, postgres_state
from tests.deploys.power_world import CONTROL

FOLLOWS = {"standby_cluster": {"host": "10.0.0.1", "port": 5432}}
WRITTEN = "0/40000000"


@dataclass
class PromotionWorld:
    """
    What the hosts of both clusters answer, and what was done to whom. The source is stopped, and all has arrived.

    + running: members of the source whose PostgreSQL and Patroni run; + off: its hosts that cannot be reached
    + promoted: whether the standby leader takes writes
    + cut_off_after: the act after which the run is cut off
    """

    running: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    config: dict[str, Any] = field(default_factory=lambda: dict(FOLLOWS))
    promoted: bool = False
    has_access: bool = True
    done: list[str] = field(default_factory=list)
    cut_off_after: str | None = None

    def cluster(self) -> Cluster:
        return both()[1]

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if host in self.off:
            raise ConnectError(f"{host} cannot be reached")
        source = host.startswith("s")
        if "def streaming_from" in command:
            return True, [json.dumps(self._patroni())]
        if "pg_last_xact_replay_timestamp" in command:
            return True, self._end(host, source)
        if "pg_controldata" in command:
            state = postgres_state(self.promoted)
            control = "Database system identifier: 76"
            return True, [_line("sql", 0, json.dumps(state)), _line("control", 1, control)]
        if "ask health ectl" in command:
            said = {"health": "[]", "members": '{"members": []}', "alarms": "", "keys": "{}"}
            return True, [_line(name, 0, text) for name, text in said.items()]
        if "/etc/pgbackrest/source" in command and "rm -rf" not in command:
            return True, self._access()
        return self._act(host, command, stdin)

    def _act(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        word = next(word for word in ("rm -rf", "create temporary", "/config") if word in command)
        self.done.append(f"{word} {host}" + (f" {stdin}" if stdin else ""))
        if word == "/config":
            self.config = {}
        elif word == "create temporary":
            self.promoted = True
        else:
            self.has_access = False
        return word != self.cut_off_after, []

    def _patroni(self) -> dict[str, Any]:
        member = patroni_member(True, timeline=2 if self.promoted else 1)
        return {
            "answers": True,
            "error": "",
            "version": "4.0.7",
            "leader": "d1",
            "members": {"d1": member},
            "config": self.config,
            "paused": False,
            "scheduled_switchover": None,
            "settled": True,
        }

    def _end(self, host: str, source: bool) -> list[str]:
        runs, at = host in self.running or not source, (1 << 30) + 120
        sql = {"in_recovery": not source, "written": at, "replayed": at, "replayed_at": "2026-11-21 14:30:07+00"}
        control = CONTROL.format(identifier="76", state="shut down", end=WRITTEN, timeline=1)
        return [
            _line("unit", 0, f"ActiveState={'active' if runs else 'inactive'}\nUnitFileState=enabled"),
            *(_line(name, 1, "") for name in ("held", "restoring")),
            _line("data", 0, "there"),
            _line("runs", 0 if runs else 1, ""),
            _line("sql", 0 if runs else 2, json.dumps(sql) if runs else "no server"),
            _line("control", 0, control),
            *(_line(name, 0, "") for name in ("turns", "wal")),
        ]

    def _access(self) -> list[str]:
        path = "/etc/pgbackrest/source"
        return [f"path|{path}|directory|700|postgres|postgres" if self.has_access else f"absent|{path}"]


def _line(name: str, code: int, text: str) -> str:
    return f"{name}|{code}|{base64.b64encode(text.encode()).decode()}"
