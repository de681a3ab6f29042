"""A Patroni cluster on some hosts, as far as its dynamic configuration, its leader and its roles go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.components.patroni_dynamic import dynamic_configuration
from cluster.declared.model import Cluster
from cluster.declared.tuning import Resources

RESOURCES = {"memory_kib": 16 * 1024 * 1024, "cores": 8, "disk_kib": 200 * 1024 * 1024}
# What a PostgreSQL 17 answered, of the parameters that this tool sets and some others.
CATALOG = json.loads((Path(__file__).parent / "postgres_catalog.json").read_text())

UNMARKED: dict[str, Any] = {"tags": {}, "pending_restart": False}


@dataclass
class PatroniWorld:
    """
    What Patroni answers on every host, and what was sent to it.

    + objects: PostgreSQL's roles and databases, as the fact has them
    """

    names: list[str]
    config: dict[str, Any] | None
    leader: str | None
    objects: dict[str, Any] = field(
        default_factory=lambda: {"in_recovery": False, "slots": [], "roles": {}, "databases": {}}
    )
    patches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    scripts: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    # What a member does not have yet when it is asked for settings; and all that was asked.
    lacks: dict[str, list[str]] = field(default_factory=dict)
    # Members that still have an old pg_hba when they are asked for the new one; and who was asked.
    late: tuple[str, ...] = ()
    hba_awaited: list[str] = field(default_factory=list)
    awaited: list[tuple[str, str]] = field(default_factory=list)
    # What a member's PostgreSQL would not take of its files.
    unread: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Addresses that stream without a certificate.
    by_password: list[str] = field(default_factory=list)
    # Members whose own Patroni does not run, as all but one in an unfinished restore.
    silent: tuple[str, ...] = ()
    # Members with tags, or with something else that differs.
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, cluster: Cluster) -> PatroniWorld:
        """As a finished run leaves it: the first member leads."""
        resources = Resources(RESOURCES["memory_kib"] // 1024, 8, RESOURCES["disk_kib"] // 1024)
        names = [node.name for node in cluster.members]
        return cls(names, dynamic_configuration(cluster, [resources] * len(names), (4, 0, 7)), names[0])

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if "memory_kib=" in command:
            return True, [*(f"{name}={value}" for name, value in RESOURCES.items()), "patroni=4.0.7-3~deb13u1"]
        if "/etc/patroni/config.yml ]" in command:
            return True, [json.dumps({} if host in self.silent else self._patroni())]
        if "postgresql.auto.conf ] || cat" in command:
            return True, []
        if "pg_hba_file_rules" in command:
            return True, [json.dumps(self.unread.get(host, []))]
        if "min_val" in command:
            return True, [json.dumps(CATALOG)]
        if "pg_settings" in command:
            self.awaited.append((host, command))
            return True, self.lacks.get(host, [""])
        if "client_dn" in command:
            return True, [*(f"password {address}" for address in self.by_password), ""]
        if "pg_hba.conf" in command:
            self.hba_awaited.append(host)
            return True, ["0" * 64] if host in self.late else re.findall("[0-9a-f]{64}", command)
        if "json_build_object" in command:
            return True, [json.dumps(self.objects)]
        self.commands.append(command)
        if "runuser" in command:
            self.scripts.append((host, stdin))
        else:
            self.patches.append((host, json.loads(stdin)))
        return True, []

    def _patroni(self) -> dict[str, Any]:
        members = {name: self._member(name) for name in self.names}
        answers = {"answers": True, "error": "", "version": "4.0.7", "paused": False, "settled": True}
        return {**answers, "leader": self.leader, "members": members, "config": self.config}

    def _member(self, name: str) -> dict[str, Any]:
        leads = name == self.leader
        state = {"role": "leader" if leads else "replica", "state": "running" if leads else "streaming"}
        return {
            **state,
            "running": True,
            "streaming": not leads,
            "synchronous": False,
            "timeline": 1,
            "lag_mib": 0,
            **self.marks.get(name, UNMARKED),
        }
