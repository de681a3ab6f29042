"""Inventory files as clusters, read as pyinfra reads them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from cluster.declared.model import ROLES, Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost


def inventory_hosts(file: Path) -> list[DeclaredHost]:
    """The hosts of an inventory file, read as pyinfra reads it. + file: with lists of names or (name, data)"""
    values = runpy.run_path(str(file))
    groups = {name: value for name, value in values.items() if name in ROLES}
    data: dict[str, dict[str, Any]] = {}
    members: dict[str, list[str]] = {}
    for group, entries in groups.items():
        for entry in entries:
            name, own = (entry, {}) if isinstance(entry, str) else entry
            data.setdefault(name, {}).update(own)
            members.setdefault(name, []).append(group)
    return [DeclaredHost(name, tuple(members[name]), data[name], dict.fromkeys(data[name], file.name)) for name in data]


def clusters_of(file: Path) -> dict[str, Cluster]:
    """The clusters that an inventory file declares; it must be without a finding."""
    clusters, findings = declared_clusters(inventory_hosts(file), {})
    assert findings == []
    return clusters


def one_host_cluster(**settings: Any) -> Cluster:
    """A cluster of one host with all roles but the repository's. + settings: by name"""
    data = {"cluster_address": "10.0.0.1", **settings}
    clusters, findings = declared_clusters([DeclaredHost("pg1", ("postgres", "etcd", "haproxy"), data, {})], {})
    assert findings == []
    return clusters["main"]
