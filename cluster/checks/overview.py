"""Everything that one look at a cluster found, hosts that are silent included. What it means is said elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from cluster.components.component import Component
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import Repository, repositories_of
from cluster.measures import MIB
from cluster.observed.etcd import SeenEtcd, SeenEtcdStatus
from cluster.observed.patroni import SeenMember, SeenPatroni
from cluster.observed.pgbackrest import SeenDrill, SeenPgbackrest
from cluster.observed.postgres import SeenPostgres
from cluster.observed.run_lock import SeenRunLock
from cluster.verdicts.etcd_members import formed
from cluster.verdicts.removal_notes import Removal, removals
from cluster.verdicts.standby_role import is_standby


@dataclass(frozen=True)
class Overview:
    """
    One cluster as it was seen at one moment.

    + at: by the control machine's clock
    + answers: by host name, what each question was answered with, without those that got no answer; None for a host
      that cannot be reached or says nothing at all
    + silences: by host name, why a question of a host that was reached got no answer
    + components: by host name, files and units as declared, as far as this machine knows the secrets in them
    + trust, etcd_trust: the text of the cluster's CA, and of etcd's own, that hosts shall have; None when this machine
      does not have it
    + removed: hosts that are declared still and were taken out; ``cluster`` does without them
    """

    cluster: Cluster
    at: datetime
    answers: Mapping[str, Mapping[str, Any] | None]
    silences: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    components: Mapping[str, tuple[Component, ...]] = field(default_factory=dict)
    trust: str | None = None
    removed: Mapping[str, Removal] = field(default_factory=dict)
    etcd_trust: str | None = None

    def is_reached(self, node: Node) -> bool:
        """Whether a host said anything."""
        return self.answers.get(node.name) is not None

    def reached(self, nodes: Iterable[Node]) -> list[Node]:
        """Those of the hosts that said anything."""
        return [node for node in nodes if self.is_reached(node)]

    def answer(self, node: Node, question: str) -> Any:
        """What a host answered; None when it did not. + question: ``postgres``, ``patroni``, ``etcd`` ..."""
        return (self.answers.get(node.name) or {}).get(question)

    def has_answer(self, node: Node, question: str) -> bool:
        """Whether a question was answered, though the answer be None."""
        return question in (self.answers.get(node.name) or {})

    def is_stopped(self, node: Node, unit: str) -> bool:
        """Whether a unit is known not to run: a finding of its own, so that what follows from it need not be one."""
        component = self.answer(node, "component")
        units = component["units"] if component is not None else {}
        return unit in units and units[unit]["active"] not in ("active", "reloading")

    def rooms(self, node: Node) -> Mapping[str, Mapping[str, Any]]:
        """The file systems of a host by directory of ours; none while it does not tell."""
        picture = self.answer(node, "picture")
        return picture["rooms"] if picture is not None else {}

    @property
    def run_lock(self) -> SeenRunLock | None:
        """The lock of the run that acts on the cluster, as the host knows it that heard of it last; None: no run."""
        noted = [seen for node in self.cluster if (seen := self.answer(node, "run_lock")) is not None]
        return min(noted, key=lambda one: one["renewed_seconds"], default=None)

    def postgres(self, node: Node) -> SeenPostgres | None:
        """PostgreSQL on a member; None when it does not answer there."""
        seen = cast(SeenPostgres | None, self.answer(node, "postgres"))
        return seen if seen is not None and seen["answers"] else None

    @property
    def repository(self) -> SeenPgbackrest | None:
        """The first repository; None when its host does not answer, or there is none."""
        return next((seen for _, seen in self.repositories), None)

    @property
    def repositories(self) -> list[tuple[Repository, SeenPgbackrest | None]]:
        """What the repository host knows of each; None where it does not answer."""
        node = self.cluster.repository
        declared = repositories_of(self.cluster.settings) if node is not None else ()
        return [(one, cast(SeenPgbackrest | None, self.answer(node, one.question))) for one in declared if node]

    @property
    def drill(self) -> SeenDrill | None:
        """What the restore drills proved; None when the repository host does not answer, or there is none."""
        node = self.cluster.repository
        return cast(SeenDrill | None, self.answer(node, "pgbackrest_drill")) if node is not None else None

    def patroni_of(self, node: Node) -> SeenPatroni | None:
        """The cluster as the Patroni of one member sees it; None when that does not answer."""
        seen = cast(SeenPatroni | None, self.answer(node, "patroni"))
        return seen if seen is not None and seen["answers"] else None

    @cached_property
    def patroni(self) -> SeenPatroni | None:
        """The cluster as Patroni sees it: the leader's view where there is one, else that of any member."""
        views = {node.name: view for node in self.cluster.members if (view := self.patroni_of(node))}
        leading = [view for name, view in views.items() if view["leader"] == name]
        return next(iter([*leading, *views.values()]), None)

    @property
    def is_standby(self) -> bool:
        """Whether it is a standby cluster, by what Patroni does and not by what is declared."""
        return is_standby(self.patroni["config"] if self.patroni else None)

    @cached_property
    def leader(self) -> Node | None:
        """The member that holds the lock, when it is one of the inventory."""
        name = self.patroni["leader"] if self.patroni else None
        return next((node for node in self.cluster.members if node.name == name), None)

    def member(self, node: Node) -> SeenMember | None:
        """What Patroni's list says of a member; None when it is not in it, or there is no list."""
        return self.patroni["members"].get(node.name) if self.patroni else None

    def waiting(self, node: Node) -> dict[str, Any]:
        """
        The settings of a member that wait for a restart, with ``old_value`` and ``new_value`` as far as they are known.

        Patroni names them from 3.3 on; before, PostgreSQL does, and what they become stands in the configuration.
        """
        found, state = self.member(node), self.postgres(node)
        if found is None or not found["pending_restart"] or found["pending_reason"] or state is None:
            return found["pending_reason"] if found is not None else {}
        config = (self.patroni["config"] if self.patroni else None) or {}
        new = config.get("postgresql", {}).get("parameters", {})
        return {
            name: {"old_value": setting["shown"], **({"new_value": new[name]} if name in new else {})}
            for name, setting in state["settings"].items()
            if setting["pending"]
        }

    @cached_property
    def primaries(self) -> list[Node]:
        """The members whose PostgreSQL is not in recovery. More than one is the disaster that all of this prevents."""
        seen = [(node, self.postgres(node)) for node in self.cluster.members]
        return [node for node, state in seen if state is not None and state["in_recovery"] is False]

    @cached_property
    def etcd(self) -> SeenEtcd | None:
        """etcd as the first of its hosts sees it that gets an answer; else what one of them was told instead."""
        seen = {node.name: self.answer(node, "etcd") for node in self.cluster.etcd}
        return formed(seen) or next((view for view in seen.values() if view is not None), None)

    @property
    def notes(self) -> dict[str, Removal]:
        """The declared hosts that were taken out, or are about to go, by name; none while etcd does not say."""
        found = removals(self.cluster, self.etcd["keys"] if self.etcd is not None else None)
        return {node.name: found[node.name] for node in self.cluster if node.name in found}

    @cached_property
    def etcd_status(self) -> Mapping[str, SeenEtcdStatus]:
        """What etcd's members say of themselves, by endpoint, as the host sees it that reaches most of them."""
        views = [self.answer(node, "etcd_status") or {} for node in self.cluster.etcd]
        return max(views, key=len, default={})

    def endpoint(self, node: Node) -> str:
        """The URL under which etcd on a host serves its clients."""
        return node.address.url(self.cluster.settings.etcd_client_port)

    @cached_property
    def healthy_etcd(self) -> list[Node]:
        """The etcd nodes that answer as healthy; an etcd without its quorum is not healthy anywhere."""
        seen = self.etcd
        if seen is None or "etcd" in seen["unhealthy"]:
            return []
        return [node for node in self.cluster.etcd if self.endpoint(node) not in seen["unhealthy"]]

    def lag_bytes(self, node: Node) -> int | None:
        """
        How much WAL of the primary a standby has yet to replay; None when that cannot be known.

        Patroni's own figure counts what was received: a standby that replays nothing has no lag in its list.
        """
        standby, primary = self.postgres(node), self.postgres(self.leader) if self.leader else None
        if standby is None or primary is None or standby["replayed"] is None or primary["written"] is None:
            return None
        # Both measures are too large rather than too small: one was taken at two moments, the other is the primary's
        # last news of the standby.
        told = [
            int(one["behind"])
            for one in primary["replication"]
            if one["name"] == node.name and one["behind"] is not None
        ]
        return max(0, min([primary["written"] - standby["replayed"], *told]))

    def lag_mib(self, node: Node) -> int | None:
        """The same in MiB; where PostgreSQL does not tell, Patroni's figure."""
        lag, found = self.lag_bytes(node), self.member(node)
        if lag is None:
            return found["lag_mib"] if found is not None else None
        return lag // MIB
