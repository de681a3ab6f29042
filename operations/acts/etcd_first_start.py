"""How etcd begins on a host that has no data of it: together with all others, or not before it is let in."""

from __future__ import annotations

from dataclasses import replace

from cluster.components.component import Component
from cluster.components.etcd import bootstrap_file, declared_peers
from cluster.components.files import File
from cluster.declared.model import Cluster, Node
from cluster.verdicts.etcd_members import formed
from facts.etcd import EtcdBootstrapState, EtcdCluster
from operations.util.reading import read, read_all


def bootstrapped(component: Component, bootstrap: File) -> Component:
    """A component with what etcd reads only while its data directory is empty. + bootstrap: that file"""
    return replace(component, files=(*component.files, bootstrap))


def first_start(cluster: Cluster, node: Node, component: Component) -> Component:
    """
    What a host without etcd's data starts with: nothing, where a cluster was formed that it has to join.

    + component: without what only a first start reads
    """
    others = [other for other in cluster.etcd if other is not node]
    endpoints = [other.address.url(cluster.settings.etcd_client_port) for other in others]
    question = {"endpoints": endpoints, "prefix": cluster.scope_key, "if_open": True}
    if others and formed(read(others, EtcdCluster, **question)):
        return replace(component, units=())
    if "existing" in read_all(cluster.etcd, EtcdBootstrapState).values():
        # The cluster was formed once, and does not answer now: to begin it again with an empty log could lose it.
        return replace(component, units=())
    new = bootstrap_file(cluster, declared_peers(cluster), state="new")
    return bootstrapped(component, new)
