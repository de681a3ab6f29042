"""etcd on some hosts, as far as its members, their health and their files go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

from cluster.components.data_mounts import PROGRAM
from cluster.components.etcd import BOOTSTRAP, DROP_IN, ENVIRONMENT, bootstrap_file, declared_peers, etcd_component
from cluster.declared.model import Cluster
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from operations import etcd as operation
from operations.acts import commands, etcd_learner
from operations.runs import etcd_reinit
from operations.runs.remove_node import etcd_membership
from tests.world.component import file
from tests.world.etcd import addresses_in, etcd, etcd_member
from tests.world.known import Act
from tests.world.world import Lines, World, answer


@dataclass
class EtcdHost:
    """
    One host.

    + config: version of its files on disk
    + loaded: that which etcd runs with, None when it is down
    + files: their content, where somebody looks at it
    """

    address: str
    name: str
    config: int = 1
    loaded: int | None = 1
    healthy: bool = True
    bootstrap: str = ""
    member: bool = True
    learner: bool = False
    started: bool = True
    files: dict[str, str] = field(default_factory=dict)

    @property
    def up(self) -> bool:
        return self.loaded is not None and self.healthy


@dataclass
class EtcdWorld(World):
    """
    The hosts by short name, and what was done to them, in order.

    + breaks: hosts whose etcd does not come back from a restart
    + deaf: hosts that the others do not reach where they were added
    + strays: learners at an address that no host has, by their id
    """

    acts: ClassVar = {
        "write": commands.write_file,
        "restart": operation._restart,
        "start": commands.start_unit,
        "stop and keep": etcd_reinit.set_data_aside,
        "stop and empty": etcd_learner._given_up,
        "remove": etcd_membership.remove_membership,
        "add": operation._join,
        "promote": etcd_learner.promote_learner,
    }

    hosts: dict[str, EtcdHost]
    alarms: list[str] = field(default_factory=list)
    breaks: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    strays: dict[str, str] = field(default_factory=dict)
    least_up: int = 99

    @classmethod
    def of(cls, cluster: Cluster) -> EtcdWorld:
        """All declared members up, as a finished run leaves them."""
        content = bootstrap_file(cluster, declared_peers(cluster), state="existing").content
        return cls(
            {
                node.name.rpartition("/")[2]: EtcdHost(
                    str(node.address),
                    node.name,
                    bootstrap=content,
                    files={file.path: file.content for file in etcd_component(cluster, node).files},
                )
                for node in cluster.etcd
            }
        )

    def noted(self, word: str, host: str, act: Act) -> None:
        """Each act says itself whom it is about."""

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        here = self.hosts[host]
        if word == "promote":
            return self._promote(act)
        if word == "write":
            (here.bootstrap,) = act.files.values()
            self.done.append(f"write {host} {'new' if '=new' in here.bootstrap else 'existing'}")
        elif word == "restart":
            self._restart(host)
        elif word == "start":
            here.loaded, here.started = here.config, True
            self.done.append(f"start {host}")
        elif word == "remove":
            self._remove(act.after("etcdctl member remove"))
        elif word == "add":
            self._add(act.after("etcdctl member add"))
        else:
            here.loaded, here.healthy = None, True
            self.done.append(f"{word} {host}")
        return None

    def _restart(self, host: str) -> None:
        others = [one for name, one in self.hosts.items() if name != host and one.member]
        self.least_up = min(self.least_up, sum(one.up for one in others))
        self.hosts[host].loaded = self.hosts[host].config
        self.hosts[host].healthy = host not in self.breaks
        self.done.append(f"restart {host}")

    def _add(self, name: str) -> None:
        host = next(one for one in self.hosts.values() if one.name == name)
        host.member, host.learner, host.started = True, True, False
        self.done.append(f"add {name.rpartition('/')[2]}")

    def _promote(self, act: Act) -> Lines:
        short, host = next(
            (short, one) for short, one in self.hosts.items() if f"https://{one.address}:2380" in act.text
        )
        member_id = format(10 + [one for one in self.hosts.values() if one.member].index(host), "x")
        if short in self.deaf:
            return [member_id, "late"]
        assert host.started and host.up, f"{short} has not caught up"
        host.learner = False
        self.done.append(f"promote {short}")
        return [member_id]

    def _remove(self, member_id: str) -> None:
        if member_id in self.strays:
            del self.strays[member_id]
            self.done.append("remove the stray")
            return
        short, host = [(name, one) for name, one in self.hosts.items() if one.member][int(member_id, 16) - 10]
        assert host.learner or host.loaded is None, f"{short} has a vote"
        host.member = host.learner = False
        self.done.append(f"remove {short}")

    @answer(EtcdCluster)
    def _etcdctl(self, host: str, endpoints: Sequence[str], **_: Any) -> Lines:
        asked = addresses_in(endpoints)
        reached = [one for one in self.hosts.values() if one.address in asked]
        health = [{"endpoint": f"https://{one.address}:2379", **_health(one)} for one in reached]
        members = [one for one in self.hosts.values() if one.member]
        voters = [one for one in members if not one.learner]
        fails = [] if all(one.up for one in reached) else ["health"]
        if 2 * sum(one.up for one in voters) <= len(voters) or not any(one.up for one in reached):
            fails += ["members", "alarms", "keys"]
        listed = [*map(_member, count(10), members), *self._strays()]
        return etcd(listed, {}, health, "\n".join(self.alarms), fails)

    def _strays(self) -> list[dict[str, Any]]:
        return [{"ID": int(one, 16), "peerURLs": [url], "isLearner": True} for one, url in self.strays.items()]

    @answer(HostComponent)
    def _component(self, host: str, paths: Sequence[str], **_: Any) -> Lines:
        here = self.hosts[host]
        if not {BOOTSTRAP, ENVIRONMENT, DROP_IN, PROGRAM} & set(paths):
            return [f"absent|{path}" for path in paths]
        lines = file(BOOTSTRAP, here.bootstrap) if BOOTSTRAP in paths else []
        for path in (ENVIRONMENT, DROP_IN, PROGRAM):
            lines += file(path, here.files.get(path, ""))
        state = "inactive" if here.loaded is None else "active"
        unit = ["unit|etcd", f"ActiveState={state}", "LoadState=loaded", "NeedDaemonReload=no"]
        # The start is never after the files here: only the stamp tells what etcd runs with.
        times = ["ActiveEnterTimestamp=@1", "files_changed_at=2"]
        return [*lines, *unit, *times, f"files_digest={here.config}", f"loaded_digest={here.loaded or ''}"]


def _health(host: EtcdHost) -> dict[str, Any]:
    return {"health": True} if host.up else {"health": False, "error": "context deadline exceeded"}


def _member(number: int, host: EtcdHost) -> dict[str, Any]:
    learner = {"isLearner": True} if host.learner else {}
    return etcd_member(number, host.name if host.started else "", f"https://{host.address}:2380", **learner)
