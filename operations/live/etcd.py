"""etcd as the first of its hosts sees it that has something to say: a host that is about to join has not."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from cluster.observed.etcd import SeenEtcd
from facts.etcd import EtcdCluster
from operations.util.hosts import in_this_run
from operations.util.reading import read


def look_at_etcd(cluster: Cluster) -> tuple[Node, SeenEtcd] | None:
    """``EtcdCluster`` with members and keys, and the host that said it; None when none of this run's says it."""
    question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    for node in in_this_run(cluster.etcd):
        seen: SeenEtcd | None = read([node], EtcdCluster, **question)[node.name]
        if seen is not None and seen["members"] is not None and seen["keys"] is not None:
            return node, seen
    return None
