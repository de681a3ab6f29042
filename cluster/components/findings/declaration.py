"""What a host has to know of its cluster to judge itself: the declaration, and what shall lie on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.declared.plain import plain


@dataclass(frozen=True, repr=False)
class KnownFile(File):
    """A file of which the content is not at hand, as it holds a secret or is long. + known: its digest"""

    known: str = ""

    @property
    def digest(self) -> str:
        """As it was where the content was at hand."""
        return self.known


def declaration(cluster: Cluster, node: Node, components: Iterable[Component]) -> str:
    """
    JSON that ``declared_components`` reads. Of files it has the digests alone.

    + components: all that the host shall have
    """
    told = {"cluster": plain(cluster), "host": node.name, "components": [_plain(one) for one in components]}
    return f"{json.dumps(told, sort_keys=True)}\n"


def _plain(component: Component) -> dict[str, Any]:
    return {
        "directories": [[one.path, one.user, one.group, one.mode] for one in component.directories],
        "files": [[one.path, one.user, one.group, one.mode, one.digest] for one in component.files],
        "units": [[one.name, list(one.loads)] for one in component.units],
        "mark": component.mark,
    }


def declared_components(data: Iterable[Mapping[str, Any]]) -> tuple[Component, ...]:
    """The components of a host. + data: ``components`` of its declaration"""
    return tuple(_component(one) for one in data)


def _component(data: Mapping[str, Any]) -> Component:
    return Component(
        tuple(Directory(*one) for one in data["directories"]),
        tuple(KnownFile(path, "", user, group, mode, known=known) for path, user, group, mode, known in data["files"]),
        tuple(Unit(name, tuple(loads)) for name, loads in data["units"]),
        data["mark"],
    )
