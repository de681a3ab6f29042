"""A cluster whose etcd is lost: what is left of it on each host, how far each member is, what they know of a repair."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cluster.declared.model import Cluster
from facts.etcd import EtcdCluster
from facts.etcd_recovery import EtcdRecovery
from facts.member_data import MemberData
from facts.patroni import PatroniCluster
from operations.acts import brought, commands, etcd_restore_host, restore_member
from tests.cluster.live_members import patroni_member
from tests.world.answers import lines
from tests.world.etcd import etcd
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, ends_at, member_data, wal_text
from tests.world.world import Lines, World, answer

DATA = "/var/lib/etcd/main"
NOW = 1795262400
KEYS = {"initialize": "76", "config": "{}", "leader": "h3", "sync": "{}", "members/h3": "{}"}


@dataclass
class EtcdRestoreWorld(World):
    """
    What everybody answers, and what was done to whom, in order. It holds that data are never lost on the way.

    + data: revision of etcd's data in their place, by host; + aside: of those put beside
    + snapshots: revision of the newest one, by host; + known: the keys in whatever etcd is rebuilt from
    + ends: where the WAL of each member ends when it is down; + timelines: and on which timeline
    + turns: the newest history file of each member, its name first
    + answering: hosts whose etcd has a quorum; + runs_on: members whose PostgreSQL runs on without Patroni
    """

    acts: ClassVar = {
        "note": etcd_restore_host.record_etcd_job,
        "halt": restore_member.stop_patroni,
        "release": restore_member.release_patroni,
        "restore": etcd_restore_host.begin_etcd,
        "put aside": etcd_restore_host.set_etcd_aside,
        "fetch": brought.brought,
        "write bootstrap": commands.write_file,
        "start etcd": commands.start_unit,
        "forget who led": etcd_restore_host.forget_leader,
        "over": etcd_restore_host.forget_etcd_job,
    }

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

    def __post_init__(self) -> None:
        self.running = {node.name for node in self.cluster.members}
        self.leader: str | None = None
        self.keys: dict[str, str] | None = None
        self.aside: dict[str, int] = {}
        self.moved: dict[str, set[str]] = {}
        self.notes: dict[str, str] = {}

    def word_of(self, act: Act) -> str | None:
        """A file that is brought is given to its new host; one that is fetched is not."""
        word = super().word_of(act)
        return "bring" if word == "fetch" and act.stdin else word

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        acts: dict[str, Callable[[str, Act], None]] = {
            "note": self._note,
            "halt": self._halt,
            "release": self._release,
            "put aside": self._put_aside,
            "restore": self._restore,
            "start etcd": self._start,
            "forget who led": self._forget,
            "over": self._over,
        }
        acts.get(word, lambda *_: None)(host, act)
        return ["its digest", "H4sI"] if word not in acts else None

    def _note(self, host: str, act: Act) -> None:
        (self.notes[host],) = act.files.values()

    def _over(self, host: str, _: Act) -> None:
        self.notes.pop(host, None)

    def _halt(self, host: str, _: Act) -> None:
        assert host in self.notes, "nobody would know why it is down"
        self.running.discard(host)

    def _release(self, host: str, _: Act) -> None:
        assert self.keys is not None, "there is no etcd to be elected in"
        if self.leader is None:
            assert not self.running and not {"leader", "sync", "members/h3"} & set(self.keys)
            self.leader = host
        self.running.add(host)

    def _put_aside(self, host: str, act: Act) -> None:
        assert not self.running, "Patroni still runs somewhere"
        self.etcd.discard(host)
        found = re.search(r"\.before-(\w+)", act.text)
        assert found is not None
        if found[1] not in self.moved.setdefault(host, set()):
            self.moved[host].add(found[1])
            if host in self.data:
                self.aside[host] = self.data.pop(host)
                self.keys = None

    def _restore(self, host: str, act: Act) -> None:
        self.source = re.findall(r"snapshot restore (\S+) --name", act.text)[0]
        self.data.setdefault(host, 1_000_000_120)

    def _start(self, host: str, _: Act) -> None:
        self.etcd.add(host)
        self.keys = dict(self.known) if self.keys is None else self.keys

    def _forget(self, host: str, _: Act) -> None:
        assert not self.running and host in self.etcd and self.keys is not None
        self.keys = {name: text for name, text in self.keys.items() if name in ("initialize", "config")}

    @answer(EtcdRecovery)
    def _remains(self, host: str, snapshots: str, **_: Any) -> Lines:
        kept = [f"{DATA}/member/snap/db|{NOW - 60}|{self.data[host]}"] if host in self.data else []
        kept += [f"{DATA}.before-x/member/snap/db|{NOW - 60}|{self.aside[host]}"] if host in self.aside else []
        listed = [f"{snapshots}/20261121T110000Z-{self.snapshots[host]}.db"] if host in self.snapshots else []
        answers = self.keys is not None and host in self.etcd
        return lines(
            {
                "active": "yes" if host in self.etcd else "no",
                "quorum": ("", 0 if answers or host in self.answering else 1),
                "data": ("", 0 if host in self.data else 1),
                "kept": "\n".join(kept),
                "snapshots": "\n".join(listed),
                "order": self.notes.get(host, ""),
                "now": str(NOW),
            }
        )

    @answer(MemberData)
    def _data(self, host: str, **_: Any) -> Lines:
        answers, primary, timeline = host in self.running, host in self.primaries, self.timelines[host]
        up, end = answers or host in self.runs_on, self.ends[host]
        state = "in production" if primary else "shut down in recovery"
        file = control(state, identifier=self.identifiers[host], timeline=timeline, further=ends_at("0/28"))
        sql = {"in_recovery": not primary, "written" if primary else "received": end}
        return member_data(
            sql if answers else None,
            file,
            patroni=answers,
            runs=up,
            turns=self.turns.get(host, ""),
            wal="" if up else wal_text(timeline, end),
        )

    @answer(PatroniCluster)
    def _patroni(self, host: str, **_: Any) -> Lines:
        if host not in self.running:
            return silent()
        return patroni(self.leader, {name: patroni_member(name == self.leader) for name in self.running})

    @answer(EtcdCluster)
    def _etcd(self, host: str, prefix: str, **_: Any) -> Lines:
        keys = {f"{prefix}{name}": text for name, text in (self.keys or {}).items()}
        return etcd(keys=keys, fails=() if self.keys is not None else ("keys",))
