"""What a look asks a host of etcd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.components.etcd_snapshot import SNAPSHOTS, snapshot_hosts
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.etcd import EtcdCluster, EtcdStatus
from facts.etcd_snapshots import EtcdSnapshots


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """etcd as this host sees it, the size of its database, and its snapshots."""
    asked: dict[str, Question] = {}
    if "etcd" in node.roles:
        etcd = {"endpoints": cluster.etcd_endpoints}
        asked["etcd"] = (EtcdCluster, {**etcd, "prefix": cluster.scope_key})
        asked["etcd_status"] = (EtcdStatus, etcd)
    if node in snapshot_hosts(cluster):
        asked["etcd_snapshots"] = (EtcdSnapshots, {"directory": SNAPSHOTS})
    return asked


def shared_questions(cluster: Cluster) -> Iterator[tuple[Sequence[Node], Question]]:
    """What the first steps of a build ask one of several hosts: who is a member, where etcd is open already."""
    yield (
        cluster.etcd,
        (EtcdCluster, {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}),
    )
