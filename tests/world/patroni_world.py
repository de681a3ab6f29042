"""A Patroni cluster on some hosts, as far as its dynamic configuration, its leader and its roles go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cluster.components.patroni_dynamic import dynamic_configuration
from cluster.declared.model import Cluster
from cluster.declared.tuning import Resources
from facts.patroni import MemberResources, PatroniCluster
from facts.postgres import FileErrors, HbaAwaited, PostgresCatalog, PostgresObjects, SettingsAwaited
from facts.postgres.altered import PostgresAltered
from facts.postgres.databases import PostgresStatistics
from facts.postgres.logins import ReplicationLogins
from operations.patroni_configuration import patch_command
from operations.postgres import objects, roles_removed, statistics
from tests.cluster.live_members import patroni_member
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.world import Lines, World, answer

RESOURCES = {"memory_kib": 16 * 1024 * 1024, "cores": 8, "disk_kib": 200 * 1024 * 1024}
# What a PostgreSQL 17 answered, of the parameters that this tool sets and some others.
CATALOG = json.loads((Path(__file__).parent / "postgres_catalog.json").read_text())

UNMARKED: dict[str, Any] = {"tags": {}, "pending_restart": False}


class Sized(World):
    """The part of a world whose hosts say how much memory they have."""

    @answer(MemberResources)
    def _resources(self, host: str, **_: Any) -> Lines:
        return [*(f"{name}={value}" for name, value in RESOURCES.items()), "patroni=4.0.7-3~deb13u1"]


@dataclass
class PatroniWorld(Sized):
    """
    What Patroni answers on every host, and what was sent to it.

    + objects: PostgreSQL's roles and databases, as the fact has them
    + lacks: what a member does not have yet when it is asked for settings; + awaited: and what it was asked for
    + late: members that still have an old pg_hba when they are asked for the new one; + hba_awaited: who was asked
    + unread: what a member's PostgreSQL would not take of its files; + by_password: addresses without a certificate
    + silent: members whose own Patroni does not run, as all but one in an unfinished restore
    + marks: members with tags, or with something else that differs
    """

    acts: ClassVar = {"patch": patch_command, "script": (objects, statistics, roles_removed)}

    names: list[str]
    config: dict[str, Any] | None
    leader: str | None
    objects: dict[str, Any] = field(
        default_factory=lambda: {"in_recovery": False, "slots": [], "roles": {}, "databases": {}, "lookup": None}
    )
    patches: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    scripts: list[tuple[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    lacks: dict[str, list[str]] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    hba_awaited: list[str] = field(default_factory=list)
    awaited: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    unread: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    by_password: list[str] = field(default_factory=list)
    silent: tuple[str, ...] = ()
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, cluster: Cluster) -> PatroniWorld:
        """As a finished run leaves it: the first member leads."""
        resources = Resources(RESOURCES["memory_kib"] // 1024, 8, RESOURCES["disk_kib"] // 1024)
        names = [node.name for node in cluster.members]
        return cls(names, dynamic_configuration(cluster, [resources] * len(names), (4, 0, 7)), names[0])

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """Keep what is sent."""
        self.commands.append(act.text)
        if word == "script":
            self.scripts.append((host, act.stdin))
        else:
            self.patches.append((host, json.loads(act.stdin)))
        return None

    @answer(PatroniCluster)
    def _patroni(self, host: str, **_: Any) -> Lines:
        if host in self.silent:
            return silent()
        return patroni(
            self.leader,
            {name: self._member(name) for name in self.names},
            config=self.config,
            settled=self._settled(),
        )

    def _settled(self) -> bool:
        return True

    def _member(self, name: str) -> dict[str, Any]:
        return patroni_member(name == self.leader, timeline=1, lag_mib=0, **self.marks.get(name, UNMARKED))

    @answer(PostgresAltered)
    def _altered(self, host: str, **_: Any) -> Lines:
        return []

    @answer(FileErrors)
    def _errors(self, host: str, **_: Any) -> Lines:
        return [json.dumps(self.unread.get(host, []))]

    @answer(PostgresCatalog)
    def _catalog(self, host: str, **_: Any) -> Lines:
        return [json.dumps(CATALOG)]

    @answer(SettingsAwaited)
    def _settings(self, host: str, wanted: Mapping[str, Any], **_: Any) -> Lines:
        self.awaited.append((host, wanted))
        return self.lacks.get(host, [""])

    @answer(ReplicationLogins)
    def _logins(self, host: str, **_: Any) -> Lines:
        return [*(f"password {address}" for address in self.by_password), ""]

    @answer(HbaAwaited)
    def _hba(self, host: str, digest: str, **_: Any) -> Lines:
        self.hba_awaited.append(host)
        return ["0" * 64 if host in self.late else digest]

    @answer(PostgresObjects, PostgresStatistics)
    def _objects(self, host: str, **_: Any) -> Lines:
        return [json.dumps(self.objects)]
