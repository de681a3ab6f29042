"""A standby cluster's way to the archive and the backups of its source. It only reads them."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.pgbackrest_source import source_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def reads_source(cluster: Cluster) -> Commands:
    """pgBackRest's files for the source's repository, on the members of a standby cluster. Others are left alone."""
    node = cluster.node(host.name)
    if not cluster.reads_source(node):
        host.noop("no archive of another cluster is read here")
        return
    yield from apply_component(source_component(cluster, node))
