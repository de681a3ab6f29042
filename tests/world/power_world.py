"""A cluster that goes down and comes up: what runs on each host, how far each member's WAL goes, and who leads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cluster.declared.model import Cluster
from cluster.measures import lsn_text
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from facts.member_data import MemberData
from facts.patroni import PatroniCluster
from facts.postgres.sessions import ClientsLeft
from facts.postgres.state import PostgresState
from operations.patroni_configuration import patch_command
from operations.runs import services, start, stop
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.component import units as unit_lines
from tests.world.etcd import etcd, etcd_member
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, ends_at, member_data, postgres, wal_text
from tests.world.world import Lines, World, answer

RECORD = 120
UNITS = (
    "haproxy",
    "etcd",
    "etcd-snapshot.timer",
    "postgres-logs.timer",
)  # those beside Patroni that a colocated host has


@dataclass
class Member:
    """
    One member. + led: its data are those of a primary; + served: PostgreSQL runs; + end: of its WAL; + owing: bytes of
    it that it has received and not replayed, until somebody waits for that
    """

    patroni: bool = True
    held: bool = False
    served: bool = True
    led: bool = False
    end: int = 1000
    owing: int = 0
    timeline: int = 3
    enabled: str = "enabled"
    restoring: bool = False
    empty: bool = False
    identifier: str = "76"


@dataclass
class PowerWorld(World):
    """
    What everybody answers, and what was done to whom, in order. Fails when somebody leads with less than others have.

    + units: those beside Patroni that run on each host
    + given_up: members whose data may be lost
    """

    acts: ClassVar = {
        "checkpoint": stop.stop_primary,
        "hold": stop._SUSPEND,
        "release": start._RELEASE,
        "stop patroni": stop.stop_member,
        "start patroni": start._START,
        "stop": services.stop_services,
        "start": services.start_services,
        "resume": patch_command,
    }

    cluster: Cluster
    leader: str | None = "h1"
    paused: bool = False
    scheduled: dict[str, Any] | None = None
    backup: bool = False
    clients: int = 2
    keys: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.members = {node.name: Member(led=node.name == self.leader) for node in self.cluster.members}
        self.units = {node.name: set(UNITS) for node in self.cluster}

    def write(self, count: int = 1) -> None:
        """Clients write, and every standby that streams receives it."""
        for one in self.members.values():
            one.end += count if one.served else 0

    def cut_power(self) -> None:
        """Everything ends as it is."""
        for name, one in self.members.items():
            one.patroni = one.served = one.held = False
            self.units[name].clear()
        self.leader = None

    def boot(self, *names: str) -> None:
        """Hosts come up by themselves, with what is enabled."""
        for name in names or tuple(self.members):
            self.units[name] |= set(UNITS)
            self.members[name].patroni = self.members[name].enabled == "enabled"
        self._elect()

    def is_down(self) -> bool:
        """Whether nothing runs anywhere."""
        idle = not any(one.patroni or one.served for one in self.members.values())
        return idle and not any(self.units.values())

    @property
    def ends(self) -> set[tuple[int, int]]:
        """Where the members' data end: one place when all are the same."""
        return {(one.timeline, one.end) for one in self.members.values() if not one.empty}

    def reached(self, host: str) -> None:
        """See World."""
        assert host not in self.dead, f"{host} is dead and was asked"

    def word_of(self, act: Act) -> str | None:
        """Of services, with their names."""
        word = super().word_of(act)
        return f"{word} {'+'.join(_units_in(act))}" if word in ("stop", "start") else word

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word in ("hold", "release"):
            self.members[host].held = word == "hold"
        elif word == "stop patroni":
            self._stop(host)
        elif word == "start patroni":
            self.members[host].patroni = True
        elif word == "resume":
            self.paused = False
        elif word.startswith("stop "):
            self.units[host] -= set(_units_in(act))
        elif word.startswith("start "):
            self.units[host] |= set(_units_in(act))
        if word == "resume" or word.startswith("start "):
            self._elect()
        return None

    @property
    def follows(self) -> bool:
        """Whether it is a standby cluster, in which nobody is promoted."""
        return self.cluster.source is not None

    def _stop(self, host: str) -> None:
        one = self.members[host]
        one.patroni = one.held = False
        if not one.served:
            return
        if self.leader == host:
            for other in self.members.values():
                other.end += RECORD if other.served and not self.follows else 0
            self.leader = None
        one.served = False
        self._elect()

    def _quorum(self) -> bool:
        return sum("etcd" in units for units in self.units.values()) > len(self.cluster.etcd) // 2

    def _elect(self) -> None:
        """Whoever comes first, as soon as etcd has its quorum."""
        well = {name: one for name, one in self.members.items() if name not in self.fatal}
        able = {name: one for name, one in well.items() if one.patroni and not one.held}
        if not self._quorum() or self.paused:
            return
        if self.leader is None and able:
            self.leader = next((name for name in able if not able[name].empty), None)
            self._begin()
        for name, one in able.items():
            if self.leader is not None and name != self.leader:
                leading = self.members[self.leader]
                one.served, one.led, one.empty = True, False, False
                one.end, one.timeline = leading.end, leading.timeline

    def _begin(self) -> None:
        if self.leader is None:
            return
        leading = self.members[self.leader]
        others = [one for name, one in self.members.items() if name not in self.given_up and not one.empty]
        most = max((one.timeline, one.end) for one in others)
        assert (leading.timeline, leading.end) >= most, f"{self.leader} leads with less than others have"
        leading.served, leading.led = True, not self.follows
        leading.timeline += not self.follows

    @answer(MemberData)
    def _power(self, host: str, beyond: int, wait_seconds: int, **_: Any) -> Lines:
        one = self.members[host]
        if wait_seconds and one.served and one.end - one.owing <= beyond:
            one.owing = 0
        primary = self.leader == host and one.served and not self.follows
        sql = {"in_recovery": not primary, "received": None if primary else one.end, "replayed": one.end - one.owing}
        sql |= {"written": one.end if primary else None}
        state = "in production" if primary else "shut down" if one.led else "shut down in recovery"
        end = ends_at(lsn_text(one.end - RECORD))
        file = control(state, identifier=one.identifier, timeline=one.timeline, further=end)
        return member_data(
            sql if one.served else None,
            None if one.empty else file,
            patroni=one.patroni,
            enabled=one.enabled,
            held=one.held,
            restoring=one.restoring,
            wal="" if one.served else wal_text(one.timeline, one.end),
        )

    @answer(PatroniCluster)
    def _patroni(self, host: str, expected: Sequence[str], **_: Any) -> Lines:
        one = self.members[host]
        if not one.patroni or one.held:
            return silent("timed out" if one.held else "connection refused")
        there = {name: other for name, other in self.members.items() if other.patroni}
        members = {name: patroni_member(name == self.leader, timeline=other.timeline) for name, other in there.items()}
        settled = self.leader is not None and set(expected) <= set(there)
        config = {"standby_cluster": {"host": "10.9.0.1"}} if self.follows else {}
        told = {"paused": self.paused, "scheduled_switchover": self.scheduled, "config": config}
        return patroni(self.leader, members, settled=settled, **told)

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        state = postgres_state(
            host == self.leader and not self.follows, slots=[], backup_seconds=600 if self.backup else None
        )
        return postgres(state if self.members[host].served else None, control())

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        members = [etcd_member(n, node.name, "u") for n, node in enumerate(self.cluster.etcd, 10)]
        silences = () if self._quorum() else ("health", "members", "alarms", "keys")
        return etcd(members, self.keys, fails=silences)

    @answer(ClientsLeft)
    def _clients(self, host: str, **_: Any) -> Lines:
        return ["4711"] * self.clients or [""]

    @answer(HostComponent)
    def _component(self, host: str, paths: Sequence[str], units: Mapping[str, Any]) -> Lines:
        return unit_lines(units, self.units[host])


def _units_in(act: Act) -> list[str]:
    words = shlex.split(act.text)
    return [unit for unit in UNITS if unit in words]
