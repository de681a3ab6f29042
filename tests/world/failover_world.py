"""A cluster whose leader is gone, and what its members and etcd say meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pyinfra.api.exceptions import ConnectError

from facts.etcd import EtcdCluster
from facts.member_data import MemberData
from facts.patroni import PatroniCluster
from facts.postgres.state import PostgresState
from operations.acts import leadership
from operations.acts.patroni_rest import Post
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.etcd import etcd
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, ends_at, member_data, postgres, wal_text
from tests.world.world import Lines, World, answer

END = 1 << 30


@dataclass
class FailoverWorld(World):
    """
    What everybody answers, and what was done to whom. h1 led last; h1's host is gone unless it is ``back``.

    + leader: who holds the leader's key; + works: whether its PostgreSQL takes writes
    + elects: who is elected while somebody waits for that
    + refuses: what Patroni answers to a failover that it does not do
    + ends: how far the data of each member go; + primaries: members whose PostgreSQL takes writes
    """

    acts: ClassVar = {"post": Post, "create temporary": leadership.until_it_writes}

    leader: str | None = None
    back: bool = False
    elects: str | None = None
    refuses: tuple[int, str] | None = None
    paused: bool = False
    timeline: int = 3
    config: dict[str, Any] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=lambda: {"h1": END, "h2": END, "h3": END})
    primaries: set[str] = field(default_factory=set)
    waits: list[int] = field(default_factory=list)
    has_quorum: bool = True
    keys: dict[str, Any] = field(default_factory=dict)
    lame: set[str] = field(default_factory=set)

    def reached(self, host: str) -> None:
        """See World."""
        if host == "h1" and not self.back:
            raise ConnectError(f"{host} cannot be reached")

    def word_of(self, act: Act) -> str | None:
        """What is posted, by where it goes."""
        word = super().word_of(act)
        return act.last_word if word == "post" else word

    def noted(self, word: str, host: str, act: Act) -> None:
        """With what is sent."""
        self.done.append(f"{word} {host}" + (f" {act.stdin}" if act.stdin else ""))
        if word == "create temporary":
            self.written = act.text

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word != "/failover":
            return None
        if self.refuses is not None:
            return [json.dumps({"status": self.refuses[0], "text": self.refuses[1]})]
        self.lead(json.loads(act.stdin)["candidate"])
        return [json.dumps({"status": 200, "text": "Successfully failed over"})]

    def lead(self, name: str) -> None:
        """A member is promoted."""
        self.leader, self.timeline = name, self.timeline + 1
        self.primaries = {name}

    @answer(PatroniCluster)
    def _patroni(self, host: str, expected: Sequence[str], wait_seconds: int, beyond_timeline: int, **_: Any) -> Lines:
        if wait_seconds and beyond_timeline and self.leader != self.elects and self.elects is not None:
            self.lead(self.elects)
        self.waits += [wait_seconds] if wait_seconds else []
        if host == "h1" and "h1" not in self.primaries:
            return silent()
        names = [name for name in ("h1", "h2", "h3") if name != "h1" or self.back or self.leader == "h1"]
        members = {name: self._member(name) for name in names}
        well = self.leader is not None and self.timeline > beyond_timeline and not set(expected) & self.lame
        return patroni(self.leader, members, config=self.config, paused=self.paused, settled=well)

    def _member(self, name: str) -> dict[str, Any]:
        lame = {"state": "starting", "streaming": False} if name in self.lame else {}
        return patroni_member(name == self.leader, timeline=self.timeline, **lame)

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        runs = host != "h1" or host in self.primaries
        return postgres(postgres_state(host in self.primaries) if runs else None, control())

    @answer(MemberData)
    def _data(self, host: str, **_: Any) -> Lines:
        at, leads = self.ends[host], host in self.primaries
        sql = {"in_recovery": not leads, "written": at if leads else None, "received": at, "replayed": at}
        file = control("in production" if leads else "in archive recovery", further=ends_at("0/0"))
        if host == "h1" and not leads:
            ended = control("in production", further=ends_at("0/28"))
            return member_data(None, ended, patroni=False, wal=wal_text(3, at))
        return member_data({**sql, "replayed_at": ""}, file, patroni=True)

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        history = [[2, END, "", "2026-01-02", "h1"]]
        stored = {"history": history, **({"leader": None} if self.leader is None else {}), **self.keys}
        keys = {f"/service/main/{name}": json.dumps(one) for name, one in stored.items() if one is not None}
        keys |= {"/service/main/config": json.dumps(self.config)}
        return etcd(keys=keys, fails=() if self.has_quorum else ("members", "keys"))
