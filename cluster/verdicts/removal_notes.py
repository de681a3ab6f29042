"""Notes in etcd about hosts that go, or make way for another of the same name: what a later run cannot see itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.declared.model import Cluster

# Beside Patroni's own keys, of which none has this name. It reads those that it knows, and leaves others alone.
REMOVED = "removed/"
REPLACED = "replaced/"


@dataclass(frozen=True)
class Removal:
    """
    That a host was taken out of the cluster, or that this was begun.

    + at: when, as ISO time
    + slots_ttl: Patroni's ``member_slots_ttl`` as it was before; None where nobody had set it
    """

    at: str
    slots_ttl: int | str | None = None

    @property
    def text(self) -> str:
        """As etcd keeps it."""
        return json.dumps({"at": self.at, "slots_ttl": self.slots_ttl})


@dataclass(frozen=True)
class Replacement:
    """
    That a host is lost, and a fresh one takes its place.

    + at: when this was begun, as ISO time
    + etcd: the memberships of etcd that the lost one had; another one of its name is the fresh one's
    """

    at: str
    etcd: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As etcd keeps it."""
        return json.dumps({"at": self.at, "etcd": list(self.etcd)})


def removal_key(cluster: Cluster, name: str) -> str:
    """Where etcd keeps the note. + name: the node's"""
    return f"{cluster.scope_key}{REMOVED}{name}"


def replacement_key(cluster: Cluster, name: str) -> str:
    """The same for a host that is replaced. + name: the node's"""
    return f"{cluster.scope_key}{REPLACED}{name}"


def removals(cluster: Cluster, keys: Mapping[str, str] | None) -> dict[str, Removal]:
    """
    The notes by node name.

    + keys: what etcd holds below the cluster's prefix; None when it does not say, and then there is no note to be seen
    """
    return {name: Removal(**said) for name, said in _notes(removal_key(cluster, ""), keys)}


def replacements(cluster: Cluster, keys: Mapping[str, str] | None) -> dict[str, Replacement]:
    """The same for hosts that are replaced. + keys: as above"""
    notes = _notes(replacement_key(cluster, ""), keys)
    return {name: Replacement(said["at"], tuple(said["etcd"])) for name, said in notes}


def _notes(prefix: str, keys: Mapping[str, str] | None) -> Iterator[tuple[str, Any]]:
    for key, text in (keys or {}).items():
        if key.startswith(prefix):
            yield key.removeprefix(prefix), json.loads(text)


def remaining(cluster: Cluster, gone: Collection[str]) -> Cluster:
    """The cluster as if these nodes were not declared. + gone: their names"""
    return replace(cluster, nodes=tuple(node for node in cluster if node.name not in gone))
