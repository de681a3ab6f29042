"""A declared cluster as plain data, for those who read it where no inventory is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.settings.settings import Settings


def plain(cluster: Cluster) -> dict[str, Any]:
    """A cluster, with those that it is related to, as JSON has it. Settings hold no secret: those are in files."""
    source = None if cluster.source is None else plain(replace(cluster.source, source=None, standbys=()))
    standbys = [plain(replace(one, source=None, standbys=())) for one in cluster.standbys]
    nodes = [_plain_node(node) for node in cluster]
    return {"name": cluster.name, "nodes": nodes, "source": source, "standbys": standbys}


def _plain_node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "address": str(node.address),
        "roles": sorted(node.roles),
        "settings": dict(node.settings),
        "apart": {name: str(address) for name, address in node.apart.items()},
    }


def from_plain(data: Mapping[str, Any]) -> Cluster:
    """The cluster that ``plain`` has put in words."""
    nodes = tuple(_node(one) for one in data["nodes"])
    source = None if data["source"] is None else from_plain(data["source"])
    standbys = tuple(from_plain(one) for one in data["standbys"])
    return Cluster(data["name"], nodes[0].settings, nodes, source, standbys)


def _node(data: Mapping[str, Any]) -> Node:
    apart = {name: Address(text) for name, text in data["apart"].items()}
    settings = Settings(**data["settings"])
    return Node(data["name"], Address(data["address"]), frozenset(data["roles"]), settings, apart)
