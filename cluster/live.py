"""The live cluster in one picture: what Patroni, each member's PostgreSQL and etcd said at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.observed import SeenEtcd, SeenMember, SeenPatroni, SeenPostgres


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

    def member(self, name: str) -> SeenMember | None:
        """A member as Patroni lists it; None when it does not. + name: the node's"""
        return self.patroni["members"].get(name)
