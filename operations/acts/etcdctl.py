"""Commands of etcd's own client."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra.api import StringCommand

from cluster.components.etcd import etcdctl
from cluster.declared.model import Cluster, Node
from operations.acts.act import Act
from operations.util.hosts import coordinator


def etcd_command(cluster: Cluster, nodes: Sequence[Node], words: str) -> str:
    """A command for a host with etcd. + nodes: whose etcd is asked; + words: quoted, without secrets"""
    return f"{etcdctl(node.address.url(cluster.settings.etcd_client_port) for node in nodes)} {words}"


def change_etcd(cluster: Cluster, words: str, through: Node | None = None) -> Act:
    """
    Change something in etcd.

    + words: as above; + through: a host with etcd that has answered; None: the first in this run
    """
    command = etcd_command(cluster, cluster.etcd, f"{words} >/dev/null")
    return Act(through or coordinator(cluster.etcd), StringCommand(command))
