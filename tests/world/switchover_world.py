"""A Patroni cluster on some hosts, as far as its leader, its pause and its members' data go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from facts.patroni import PatroniCluster, PatroniPauseSeen
from facts.postgres.state import PostgresState
from facts.postgres.tablespaces import PostgresTablespaces, TablespacePlaces
from operations.acts import leadership
from operations.acts.patroni_rest import Post
from operations.acts.tablespaces import make_places
from operations.runs import pause, switchover
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.answers import line
from tests.world.etcd import SilentEtcd
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, postgres
from tests.world.world import Lines, answer

Answer = tuple[int, str]


@dataclass
class SwitchoverWorld(SilentEtcd):
    """
    What Patroni, PostgreSQL and etcd answer, and what was done to whom, in order.

    + answers: what Patroni answers to POST; absent: it does as it is told
    + lame: members that do not stream, with their state
    + dead: members whose Patroni does not answer
    + backup_seconds: age of a backup's session on the leader
    + config: the dynamic configuration
    + places: what every host has where the cluster has tablespaces
    + follows: it is a standby cluster
    + will_be_synchronous: who is named synchronous as soon as somebody waits for it
    """

    acts: ClassVar = {
        "CHECKPOINT": switchover._checkpoint,
        "post": Post,
        "create temporary": leadership.until_it_writes,
        "follows": leadership.until_it_follows,
        "/config": pause._turned,
        "install -d": make_places,
    }

    names: list[str]
    leader: str | None
    timeline: int = 3
    paused: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    lame: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    started_at: dict[str, float] = field(default_factory=dict)
    backup_seconds: float | None = None
    sees_pause: dict[str, bool] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    follows: bool = False
    will_be_synchronous: set[str] = field(default_factory=set)
    synchronous: set[str] = field(default_factory=set)
    places: dict[str, str] = field(default_factory=dict)

    def word_of(self, act: Act) -> str | None:
        """What is posted, by where it goes."""
        word = super().word_of(act)
        return act.last_word if word == "post" else word

    def noted(self, word: str, host: str, act: Act) -> None:
        """With what is sent."""
        self.done.append(f"{word} {host}" + (f" {act.stdin}" if act.stdin else ""))

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "/config":
            self.paused = bool(json.loads(act.stdin)["pause"])
        if word not in ("/switchover", "/reinitialize"):
            return None
        status, text = self.answers.get(word) or self._moved(host, word, json.loads(act.stdin))
        return [json.dumps({"status": status, "text": text})]

    def _moved(self, host: str, word: str, asked: dict[str, Any]) -> Answer:
        if word == "/reinitialize":
            self.lame.pop(host, None)
            self.started_at[host] = 2000.0
            return 200, "reinitialize started"
        self.lead(asked["candidate"])
        return 200, f'Successfully switched over to "{asked["candidate"]}"'

    def lead(self, name: str) -> None:
        """Another member leads."""
        self.leader, self.timeline = name, self.timeline + (not self.follows)

    @answer(PatroniCluster)
    def _patroni(
        self, host: str, expected: Sequence[str], synchronous: bool | None, other_than: str | None, **_: Any
    ) -> Lines:
        if synchronous:
            self.synchronous = self.will_be_synchronous
        if host in self.dead:
            return silent()
        members = {name: self._member(name) for name in self.names if name not in self.dead}
        well = self.leader not in (None, other_than) and not set(expected) & {*self.lame, *self.dead}
        return patroni(self.leader, members, config=self._config, paused=self.paused, settled=well)

    @property
    def _config(self) -> dict[str, Any]:
        return {**self.config, **({"standby_cluster": {"host": "10.9.0.1"}} if self.follows else {})}

    def _member(self, name: str) -> dict[str, Any]:
        lame = {"state": self.lame[name], "streaming": False, "timeline": 1} if name in self.lame else {}
        told = {"timeline": self.timeline, "synchronous": name in self.synchronous}
        return patroni_member(name == self.leader, **{**told, **lame})

    @answer(PatroniPauseSeen)
    def _pause(self, host: str, **_: Any) -> Lines:
        return [json.dumps(self.sees_pause.get(host, self.paused))]

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        leads = host == self.leader
        state = postgres_state(leads, timeline=self.timeline, started_at=self.started_at.get(host, 1000.0))
        state["backup_seconds"] = self.backup_seconds if leads else None
        if self.follows:
            state |= {"in_recovery": True, "replayed": 1 << 30, "receiving": True, "replay": "not paused"}
        return postgres(state, control())

    @answer(PostgresTablespaces)
    def _tablespaces(self, host: str, **_: Any) -> Lines:
        return list(self.places)

    @answer(TablespacePlaces)
    def _kinds(self, host: str, **_: Any) -> Lines:
        return [line(path, kind) for path, kind in self.places.items()]
