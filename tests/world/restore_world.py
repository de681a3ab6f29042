"""A cluster with a repository, as far as a restore goes: who runs, who leads, what each member knows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from facts.patroni import PatroniCluster
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_restore import RestoreState
from facts.pgbackrest_tablespaces import PgbackrestTablespaces
from facts.postgres.cause import PostgresCause
from facts.postgres.state import PostgresState
from operations.acts import archived, restore_followers, restore_member, tablespaces
from operations.acts.patroni_rest import Post
from operations.runs.restore import new_cluster
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.answers import line, lines
from tests.world.cause import why
from tests.world.etcd import SilentEtcd
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, postgres
from tests.world.repository import info, status
from tests.world.world import Lines, answer

NOW = 1795262400
KEPT = ("config", "initialize", "history")
OF_THE_OLD_DATA = {"status", "failover", "failsafe", "sync"}
MEMBERS = ("h1", "h2", "h3")
MIB = 1 << 20
INFO = {
    "name": "main",
    "db": [{"id": 1, "system-id": 76}],
    "status": status(),
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
# What a restore writes on a member first, each a file.
WRITTEN = {"program": "program", "tablespaces": "spaces", "roles.sql": "roles"}
MEMORY = "could not map anonymous shared memory: Cannot allocate memory"


@dataclass
class RestoreWorld(SilentEtcd):
    """
    What members, etcd and the repository answer, and what was done to whom, in order.

    + left: the segment that cannot be archived; + fails: what the unit that restores says; + leads_still: in etcd
    + stuck: members whose PostgreSQL does not start, though their Patroni runs; + archive: the last proof of it
    + orders: the note on each member
    + spaces: tablespaces of each member; + known: those of the backup
    + copying: members whose Patroni begins a copy by itself as soon as it runs
    + keys: what etcd remembers; of the data that were, one is enough to let nobody lead with others
    """

    acts: ClassVar = {
        "note": restore_member.record_job,
        "halt": restore_member.stop_patroni,
        "archive": archived.archive_to_now,
        "archive the rest": archived.archive_to_the_end,
        "forget": restore_followers.await_no_leader,
        "restore": restore_member.begin_restore,
        "aside": tablespaces.move_aside,
        "disarm": restore_member.disarmed,
        "release": restore_member.release_patroni,
        "reinitialize": Post,
        "over": (restore_member.forget_job, new_cluster.report),
        "end": restore_member.end_restore,
    }

    leader: str | None = "h1"
    timeline: int = 3
    left: str = ""
    fails: str = ""
    leads_still: str = ""
    stuck: set[str] = field(default_factory=set)
    archive: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=lambda: set(MEMBERS))
    lame: set[str] = field(default_factory=set)
    copying: set[str] = field(default_factory=set)
    orders: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    results: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, set[str]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=lambda: {*KEPT, *OF_THE_OLD_DATA})

    def word_of(self, act: Act) -> str | None:
        """Of what is written before a restore, by the file."""
        word = super().word_of(act)
        if word == "restore" and act.files:
            (path,) = act.files
            return WRITTEN[path.rpartition("/")[2]]
        return word

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word in ("archive", "archive the rest"):
            self.archive.append(act.text)
            return [f"left {self.left}" if self.left else "archived"]
        if word == "forget":
            if not self.leads_still:
                self.keys -= {key for key in OF_THE_OLD_DATA if re.search(rf"\b{key}\b", act.text)}
            return [self.leads_still]
        if word == "reinitialize":
            self.lame.discard(host)
            return [json.dumps({"status": 200, "text": "reinitialize started"})]
        if word == "note":
            (self.orders[host],) = act.files.values()
        elif word == "halt":
            self.running.discard(host)
            self.leader = None if self.leader == host else self.leader
        elif word == "restore":
            self._begin(host)
        elif word == "aside":
            self._aside(host)
        elif word == "over":
            self._over(host)
        elif word in ("release", "disarm"):
            self._run(host, disarmed=word == "disarm")
        return None

    def _begin(self, host: str) -> None:
        self.begun.add(host)
        if not self.fails:
            self.results[host] = "4|0/9014D98|2026-11-21 11:59:00+00"

    def _aside(self, host: str) -> None:
        self.spaces[host] &= self.known
        if self.leader is None:
            self.begun.add(host)

    def _over(self, host: str) -> None:
        for known in (self.orders, self.results):
            known.pop(host, None)
        self.begun.discard(host)

    def _run(self, host: str, *, disarmed: bool) -> None:
        self.running.add(host)
        if disarmed:
            self.lame.add(host)
        elif self.leader is None and host not in self.stuck and self._may_lead(host):
            self.leader, self.timeline = host, self.timeline + 2

    def _may_lead(self, host: str) -> bool:
        return host not in self.begun or not self.keys & OF_THE_OLD_DATA

    @answer(PatroniCluster)
    def _patroni(self, host: str, expected: Sequence[str], **_: Any) -> Lines:
        if host not in self.running:
            return silent()
        # A copy that nobody asked for comes to its end while it is waited for.
        self.lame -= self.copying & set(expected)
        members = {name: patroni_member(name == self.leader, **self._state(name)) for name in self.running}
        well = self.running - self.lame
        return patroni(self.leader, members, settled=self.leader is not None and set(expected) <= well)

    def _state(self, name: str) -> dict[str, Any]:
        if name in self.stuck:
            return {"state": "start failed", "running": False, "streaming": False, "timeline": None}
        if name in self.lame:
            state = "creating replica" if name in self.copying else "stopped"
            return {"streaming": False, "timeline": 1, "state": state}
        return {"timeline": self.timeline}

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        state = postgres_state(host == self.leader, timeline=self.timeline, slots=[])
        return postgres(state if host in self.running and host not in self.stuck else None, control("shut down"))

    @answer(PostgresCause)
    def _cause(self, host: str, **_: Any) -> Lines:
        return why(MEMORY if host in self.stuck else "")

    @answer(PgbackrestInfo)
    def _info(self, host: str, **_: Any) -> Lines:
        return info(INFO)

    @answer(PgbackrestTablespaces)
    def _tablespaces(self, host: str, **_: Any) -> Lines:
        backup: Mapping[str, Any] = INFO["backup"][0]  # type: ignore[index]
        known = [{"destination": path, "name": path, "oid": 1} for path in sorted(self.known)]
        return [line("info", json.dumps([{"backup": [{**backup, "tablespace": known}]}]))]

    @answer(RestoreState)
    def _restore(self, host: str, **_: Any) -> Lines:
        return lines(
            {
                "order": self.orders.get(host, ""),
                "result": self.results.get(host, ""),
                "begun": ("", 0 if host in self.begun else 2),
                "unit": "failed" if self.fails and host in self.begun else "inactive",
                "patroni": "active" if host in self.running else "inactive",
                "error": self.fails,
                "far": "",
                "room": "1000",
                "spaces": "".join(f"{path}\n" for path in sorted(self.spaces.get(host, ()))),
                "now": str(NOW),
            }
        )
