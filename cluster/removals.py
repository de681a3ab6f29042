"""Notes in etcd about hosts that go: later runs must not bring back unasked what was taken out on purpose."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from cluster.model import Cluster

# Beside Patroni's own keys, of which none has this name. It reads those that it knows, and leaves others alone.
REMOVED = "removed/"


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


def removal_key(cluster: Cluster, name: str) -> str:
    """Where etcd keeps the note. + name: the node's"""
    return f"{cluster.scope_key}{REMOVED}{name}"


def removals(cluster: Cluster, keys: Mapping[str, str] | None) -> dict[str, Removal]:
    """
    The notes by node name.

    + keys: what etcd holds below the cluster's prefix; None when it does not say, and then there is no note to be seen
    """
    prefix = removal_key(cluster, "")
    found = {name.removeprefix(prefix): text for name, text in (keys or {}).items() if name.startswith(prefix)}
    return {name: Removal(**json.loads(text)) for name, text in found.items()}


def remaining(cluster: Cluster, gone: Collection[str]) -> Cluster:
    """The cluster as if these nodes were not declared. + gone: their names"""
    return replace(cluster, nodes=tuple(node for node in cluster if node.name not in gone))
