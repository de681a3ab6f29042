"""Notes in etcd about hosts that go, or make way for another of the same name: what a later run cannot see itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.declared.model import Cluster
from cluster.observed.etcd import SeenEtcd
from cluster.verdicts.etcd_members import etcd_members_of

# Beside Patroni's own keys, of which none has this name. It reads those that it knows, and leaves others alone.
REMOVED = "removed"
REPLACED = "replaced"


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
    return cluster.key(REMOVED, name)


def replacement_key(cluster: Cluster, name: str) -> str:
    """The same for a host that is replaced. + name: the node's"""
    return cluster.key(REPLACED, name)


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


def is_known(cluster: Cluster, seen: SeenEtcd | None, name: str) -> bool:
    """Whether Patroni or etcd has a host; yes while etcd does not say. + seen: ``EtcdCluster``"""
    if seen is None or seen["keys"] is None or seen["members"] is None:
        return True
    mine = etcd_members_of(cluster, cluster.node(name), seen["members"])
    return bool(mine) or cluster.key("members", name) in seen["keys"]


def half_removed(cluster: Cluster, seen: SeenEtcd | None) -> list[str]:
    """
    The hosts whose removal was begun, and which Patroni or etcd still has, or has again. The others would be written
    without such a host, and it may lead. None is to be seen while etcd does not say.

    + seen: ``EtcdCluster``, live
    """
    noted = removals(cluster, seen["keys"] if seen is not None else None)
    return [node.name for node in cluster if node.name in noted and is_known(cluster, seen, node.name)]
