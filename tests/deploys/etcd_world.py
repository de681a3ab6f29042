"""etcd on some hosts, as far as its members, their health and their files go."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cluster.components.data_mounts import PROGRAM
from cluster.components.etcd import BOOTSTRAP, DROP_IN, ENVIRONMENT, bootstrap_file, declared_peers, etcd_component
from cluster.declared.model import Cluster


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
class EtcdWorld:
    """
    The hosts by short name, and what was done to them, in order.

    + breaks: hosts whose etcd does not come back from a restart
    + deaf: hosts that the others do not reach where they were added
    + strays: learners at an address that no host has, by their id
    """

    hosts: dict[str, EtcdHost]
    alarms: list[str] = field(default_factory=list)
    breaks: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    strays: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
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

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        """See World."""
        if "ask health ectl" in command:
            return True, self._etcdctl(command)
        if "systemctl show" in command:
            return True, self._component(self.hosts[host], command)
        if "stat -c 'path|" in command:
            return True, ["absent|/var/lib/etcd/main"]
        if "journalctl" in command and "systemctl" not in command:
            return True, [f"last line of {host}"]
        return self._act(host, command, stdin)

    def _act(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        if f"{BOOTSTRAP}.new" in command:
            self.hosts[host].bootstrap = stdin
            self.done.append(f"write {host} {'new' if '=new' in stdin else 'existing'}")
        elif "systemctl restart" in command:
            self._restart(host)
        elif "systemctl disable" in command:
            kept = re.search(r"mv -T (\S+) \1[.]damaged-", command) is not None
            self.hosts[host].loaded, self.hosts[host].healthy = None, True
            self.done.append(f"stop and {'keep' if kept else 'empty'} {host}")
        elif found := re.search(r"member remove (\w+)", command):
            self._remove(found[1])
        elif "systemctl start" in command:
            self.hosts[host].loaded = self.hosts[host].config
            self.hosts[host].started = True
            self.done.append(f"start {host}")
        elif found := re.search(r"member add (\S+) --learner", command):
            self._add(found[1])
        elif found := re.search(r"https://([\d.]+):2380, \| cut", command):
            return True, self._promote(found[1])
        else:
            raise AssertionError(f"unexpected on {host}: {command}")
        return True, []

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

    def _promote(self, address: str) -> list[str]:
        short, host = next((short, one) for short, one in self.hosts.items() if one.address == address)
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

    def _etcdctl(self, command: str) -> list[str]:
        found = re.search(r"ETCDCTL_ENDPOINTS=(\S+)", command)
        asked = re.findall(r"https://([\d.]+):2379", found[1] if found else "")
        reached = [one for one in self.hosts.values() if one.address in asked]
        health = [{"endpoint": f"https://{one.address}:2379", **_health(one)} for one in reached]
        members = [one for one in self.hosts.values() if one.member]
        voters = [one for one in members if not one.learner]
        answers = {
            "health": (json.dumps(health), all(one.up for one in reached)),
            "members": (json.dumps({"members": [*map(_member, count(10), members), *self._strays()]}), True),
            "alarms": ("\n".join(self.alarms), True),
            "keys": (json.dumps({"kvs": []}), True),
        }
        if 2 * sum(one.up for one in voters) <= len(voters) or not any(one.up for one in reached):
            answers |= dict.fromkeys(("members", "alarms", "keys"), ("Error: context deadline exceeded", False))
        return [
            f"{name}|{0 if good else 1}|{base64.b64encode(text.encode()).decode()}"
            for name, (text, good) in answers.items()
        ]

    def _strays(self) -> list[dict[str, Any]]:
        return [{"ID": int(one, 16), "peerURLs": [url], "isLearner": True} for one, url in self.strays.items()]

    def _component(self, host: EtcdHost, command: str) -> list[str]:
        lines = []
        if BOOTSTRAP in command.partition("systemctl show")[0]:
            digest = hashlib.sha256(host.bootstrap.encode()).hexdigest()
            lines = [f"path|{BOOTSTRAP}|regular file|644|root|root", f"{digest}  {BOOTSTRAP}"]
        for path in (ENVIRONMENT, DROP_IN, PROGRAM):
            digest = hashlib.sha256(host.files.get(path, "").encode()).hexdigest()
            lines += [f"path|{path}|regular file|644|root|root", f"{digest}  {path}"]
        state = "inactive" if host.loaded is None else "active"
        unit = ["unit|etcd", f"ActiveState={state}", "LoadState=loaded", "NeedDaemonReload=no"]
        # The start is never after the files here: only the stamp tells what etcd runs with.
        times = ["ActiveEnterTimestamp=@1", "files_changed_at=2"]
        return [*lines, *unit, *times, f"files_digest={host.config}", f"loaded_digest={host.loaded or ''}"]


def _health(host: EtcdHost) -> dict[str, Any]:
    return {"health": True} if host.up else {"health": False, "error": "context deadline exceeded"}


def _member(number: int, host: EtcdHost) -> dict[str, Any]:
    name = {"name": host.name} if host.started else {}
    learner = {"isLearner": True} if host.learner else {}
    return {"ID": number, "peerURLs": [f"https://{host.address}:2380"], **name, **learner}
