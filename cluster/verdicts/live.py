"""The live cluster in one picture: what Patroni, each member's PostgreSQL and etcd said at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.declared.model import Cluster
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember
from cluster.observed.patroni import SeenMember, SeenPatroni
from cluster.observed.postgres import SeenPostgres


@dataclass(frozen=True)
class Live:
    """
    A picture that plans are made from.

    + patroni: as the first member that answers sees the cluster
    + silent: members whose own Patroni does not answer, each with the reason
    + postgres: ``PostgresState`` by member; None where the host cannot be reached
    + etcd: None when the host that was asked cannot be reached
    + within: members that this run may touch, which ``--limit`` narrows
    """

    patroni: SeenPatroni
    silent: Mapping[str, str]
    postgres: Mapping[str, SeenPostgres | None]
    etcd: SeenEtcd | None
    within: frozenset[str]

    @property
    def leader(self) -> str | None:
        """The member that leads, as Patroni says."""
        return self.patroni["leader"]

    @property
    def keys(self) -> Mapping[str, str]:
        """What etcd has below the cluster's prefix; nothing while it does not say, which ``outage`` tells apart."""
        return (self.etcd["keys"] if self.etcd is not None else None) or {}

    @property
    def etcd_members(self) -> Sequence[SeenEtcdMember]:
        """etcd's members; none while it does not say."""
        return (self.etcd["members"] if self.etcd is not None else None) or []

    def member(self, name: str) -> SeenMember | None:
        """A member as Patroni lists it; None when it does not. + name: the node's"""
        return self.patroni["members"].get(name)


def with_config_of(cluster: Cluster, patroni: SeenPatroni, etcd: SeenEtcd | None) -> SeenPatroni:
    """
    What a Patroni said, with the dynamic configuration as etcd has it: a Patroni that was not asked to change it has
    that of its last look, up to ``loop_wait`` seconds ago.
    """
    stored = (etcd["keys"] or {}).get(cluster.key("config")) if etcd is not None else None
    return patroni if stored is None else {**patroni, "config": json.loads(stored)}
