"""A standby cluster's way to the archive and the backups of its source. It only reads them."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.component import Component
from cluster.components.files import Directory, File
from cluster.components.pgbackrest import NEWEST_SET, SPOOL, USER
from cluster.components.pgbackrest_source import SOURCE, SOURCE_CONFIGURATION, source_configuration
from cluster.components.standby_cluster import SOURCE_BOUNDED, SOURCE_RESTORE
from cluster.declared.model import Cluster, Node
from operations.acts.component import Commands, brought_up
from operations.pgbackrest import LOGS, NEWEST_SET_TEXT, bounded, owned


@operation()
def reads_source(cluster: Cluster) -> Commands:
    """pgBackRest's files for the source's repository, on the members of a standby cluster. Others are left alone."""
    node = cluster.node(host.name)
    if not cluster.reads_source(node):
        host.noop("no archive of another cluster is read here")
        return
    yield from brought_up(source_component(cluster, node))


def source_component(cluster: Cluster, node: Node) -> Component:
    """The files of one member; none where it reads no other cluster's archive."""
    source = cluster.source
    if source is None or not cluster.reads_source(node):
        return Component()
    script = bounded(source, source.repository, SOURCE_RESTORE, SOURCE_CONFIGURATION)
    files = (
        source_configuration(source, cluster.data_directory),
        File(SOURCE_BOUNDED, script, mode="755"),
        File(NEWEST_SET, NEWEST_SET_TEXT, mode="755"),
    )
    return Component((Directory(SOURCE, USER, USER, "700"), *owned(SPOOL, LOGS)), files)
