"""A cluster that a host leaves: who runs and leads, etcd's members and keys, slots, units and files of each host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cluster.components.all import SERVICES
from cluster.components.etcd import BOOTSTRAP, etcd_data_directory
from cluster.components.patroni import CONFIG
from cluster.declared.model import Cluster
from facts.etcd import EtcdCluster, EtcdStatus
from facts.host import HostComponent
from facts.patroni import PatroniCluster
from facts.postgres.sessions import ClientsLeft, SlotLeft
from facts.postgres.state import PostgresState
from facts.preflight.host import HostPicture
from facts.preflight.ports import PeerPorts
from operations.acts import leadership
from operations.acts.etcdctl import change_etcd
from operations.acts.patroni_rest import Post
from operations.patroni_configuration import patch_command
from operations.runs import move_node, replace_node, switchover
from operations.runs.remove_node import etcd_membership, procedure
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.component import paths as path_lines
from tests.world.component import units as unit_lines
from tests.world.etcd import addresses_in, etcd, etcd_member
from tests.world.known import Act
from tests.world.patroni import patroni, silent
from tests.world.postgres import control, postgres
from tests.world.world import Lines, World, answer


@dataclass
class RemovalWorld(World):
    """
    What everybody answers, and what was done to whom, in order.

    + running: members whose Patroni runs; + listed: those whose key is in etcd, which outlives them a while
    + dead: hosts that must not be asked anything
    + voters: etcd's members by id; + unhealthy: those of them whose etcd is down
    + lost: slots of which PostgreSQL has no WAL any more; + answering: addresses that no host of ours has
    + units: of each host those that run; + files: that are there; + slots: of each member
    + own_files: addresses in a host's own configuration
    """

    acts: ClassVar = {
        "etcdctl": change_etcd,
        "move etcd's leader": etcd_membership.move_etcd_leader,
        "out of etcd": etcd_membership.remove_membership,
        "stop": procedure._stop,
        "clear": (procedure.clear_host, move_node.clear_etcd),
        "drop slot": replace_node._drop,
        "checkpoint": switchover._checkpoint,
        "switchover": Post,
        "write": leadership.until_it_writes,
        "configure": patch_command,
    }

    cluster: Cluster
    leader: str | None = "h1"
    etcd_leader: str = "h1"
    clients: int = 0
    version: str = "4.0.7"
    paused: bool = False
    scheduled: dict[str, Any] | None = None
    config: dict[str, Any] = field(default_factory=lambda: {"ttl": 30})
    dead: set[str] = field(default_factory=set)
    lame: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    answering: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [node.name for node in self.cluster.members]
        self.running = set(names)
        self.voters = {f"{10 + n:x}": node.name for n, node in enumerate(self.cluster.etcd)}
        self.addresses = {node.name: str(node.address) for node in self.cluster}
        self.keys |= {f"/service/main/members/{name}": "{}" for name in names}
        self.slots = {name: {other for other in names if other != name} for name in names}
        self.was_at: dict[str, str] = {}
        self.own_files: dict[str, str] = {}
        self.units = {node.name: {"patroni", "etcd"} for node in self.cluster}
        ties = {CONFIG, BOOTSTRAP, etcd_data_directory(self.cluster), self.cluster.data_directory}
        self.files = {node.name: set(ties) for node in self.cluster}

    def join_etcd(self, name: str) -> None:
        """As ``etcd.quorum`` lets a host join."""
        self.voters[f"{20 + len(self.voters):x}"] = name
        self.unhealthy.discard(name)

    def come(self, name: str) -> None:
        """A fresh host has the dead one's name."""
        self.dead.discard(name)
        self.files[name], self.units[name] = set(), set()

    def die(self, name: str) -> None:
        """A host dies, and is left out of the run; its key in etcd has run out."""
        self.dead.add(name)
        self.running.discard(name)
        self.unhealthy.add(name)
        self.keys.pop(f"/service/main/members/{name}", None)
        self.leader = None if self.leader == name else self.leader

    def reached(self, host: str) -> None:
        """See World."""
        assert host not in self.dead, f"{host} is dead and was asked"

    def word_of(self, act: Act) -> str | None:
        """Of units and of etcd's client, with what it is told."""
        word = super().word_of(act)
        if word == "etcdctl":
            return {"put": "note", "del": "forget"}[act.after("etcdctl")]
        if word in ("stop", "clear") and "systemctl disable" in act.text:
            return f"stop {act.after('systemctl disable --now --quiet')}"
        return word

    def noted(self, word: str, host: str, act: Act) -> None:
        """Of the configuration, with what is sent."""
        self.done.append(f"{word} {host}" + (f" {act.stdin}" if word == "configure" else ""))

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "switchover":
            self.leader = json.loads(act.stdin)["candidate"]
            return [json.dumps({"status": 200, "text": "switched over"})]
        if word == "note":
            key = act.after("etcdctl put")
            self.keys[key] = act.after(f"etcdctl put {key}")
        elif word == "forget":
            del self.keys[act.after("etcdctl del")]
        elif word == "out of etcd":
            self._leave_etcd(act.after("etcdctl member remove"))
        elif word == "drop slot":
            self.slots[host] -= self.lost
        elif word == "move etcd's leader":
            self.etcd_leader = self.voters[act.after("etcdctl move-leader")]
        elif word == "configure":
            self._configure(json.loads(act.stdin))
        elif word == "clear":
            self.files[host] -= set(act.removes)
        elif word.startswith("stop "):
            self._stop(host, word.removeprefix("stop "))
        return None

    def _leave_etcd(self, member: str) -> None:
        del self.voters[member]
        well = [name for name in self.voters.values() if name not in self.unhealthy]
        assert len(well) > len(self.voters) // 2, "the quorum is lost"

    def _stop(self, host: str, unit: str) -> None:
        self.units[host].discard(unit)
        if unit == "patroni":
            assert self.leader != host, "a leader was stopped"
            self.running.discard(host)

    def _configure(self, patch: dict[str, Any]) -> None:
        self.config = {name: value for name, value in {**self.config, **patch}.items() if value is not None}
        listed = {name.rpartition("/")[2] for name in self.keys if "/members/" in name}
        if self.config.get("member_slots_ttl") == 0:
            self.slots = {name: slots & listed for name, slots in self.slots.items()}

    @answer(PatroniCluster)
    def _patroni(self, host: str, expected: Sequence[str], **_: Any) -> Lines:
        if host not in self.running:
            return silent()
        lame = {"state": "starting", "streaming": False}
        listed = [name.rpartition("/")[2] for name in self.keys if "/members/" in name]
        members = {
            name: patroni_member(name == self.leader, **(lame if name in self.lame or name not in self.running else {}))
            for name in listed
        }
        settled = self.leader is not None and set(expected) <= self.running - self.lame
        told = {"version": self.version, "scheduled_switchover": self.scheduled, "paused": self.paused}
        return patroni(self.leader, members, config=self.config, settled=settled, **told)

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        slots = [
            {"name": name, "type": "physical", "active": True, "status": "lost" if name in self.lost else "reserved"}
            for name in sorted(self.slots[host])
        ]
        state = postgres_state(host == self.leader, slots=slots)
        return postgres(state if host in self.running else None, control())

    @answer(EtcdCluster)
    def _etcd(self, host: str, endpoints: Sequence[str], **_: Any) -> Lines:
        asked = addresses_in(endpoints)
        health = [
            {"endpoint": f"https://{address}:2379", "health": name not in self.unhealthy, "error": "down"}
            for name, address in self.addresses.items()
            if address in asked
        ]
        urls = {one: f"https://{self.was_at.get(one, self.addresses[name])}:2380" for one, name in self.voters.items()}
        members = [etcd_member(int(one, 16), name, urls[one]) for one, name in self.voters.items()]
        return etcd(members, self.keys, health, fails=() if all(one["health"] for one in health) else ("health",))

    @answer(EtcdStatus)
    def _status(self, host: str, **_: Any) -> Lines:
        leader = next((one for one, name in self.voters.items() if name == self.etcd_leader), "0")
        each = [
            {
                "Endpoint": f"https://{self.addresses[name]}:2379",
                "Status": {
                    "header": {"member_id": int(member, 16)},
                    "version": "3.5.16",
                    "leader": int(leader, 16),
                },
            }
            for member, name in self.voters.items()
        ]
        return [json.dumps(each)]

    @answer(PeerPorts)
    def _ports(self, host: str, peers: Sequence[tuple[str, int]], **_: Any) -> Lines:
        return [f"{one}|{port}|{'open' if one in self.answering else 'refused'}" for one, port in peers]

    @answer(ClientsLeft)
    def _clients(self, host: str, **_: Any) -> Lines:
        return ["4711"] * self.clients or [""]

    @answer(SlotLeft)
    def _slot(self, host: str, slot: str, **_: Any) -> Lines:
        return [slot] if slot in self.slots[host] else [""]

    @answer(HostPicture)
    def _picture(self, host: str, **_: Any) -> Lines:
        services = (unit.removesuffix(".service") for unit in SERVICES)
        state = " ".join("active" if unit in self.units[host] else "inactive" for unit in services)
        own = [f"patroni|{self.own_files[host]}:8008"] if host in self.own_files else []
        return ["clock|1", "architecture|x86_64", "scope|main", *own, f"active|{state}", "clock|2"]

    @answer(HostComponent)
    def _component(self, host: str, paths: Sequence[str], units: Mapping[str, Any]) -> Lines:
        here = self.units[host]
        return [*path_lines(paths, self.files[host]), *unit_lines(units, here, here)]
