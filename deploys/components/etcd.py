"""etcd: configured on every member, then one cluster with its quorum."""

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import etcd


@deploy("etcd")
def deploy_etcd(cluster: Cluster) -> None:
    """etcd on this host. + cluster: as declared"""
    etcd.member(name="Configure and start etcd", cluster=cluster)


@deploy("etcd")
def deploy_quorum(cluster: Cluster) -> None:
    """The order point behind which etcd has its quorum. + cluster: as declared"""
    etcd.quorum(name="Wait for quorum, add members, restart one at a time", cluster=cluster)
