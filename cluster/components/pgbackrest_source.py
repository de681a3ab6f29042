"""How a host that begins a new cluster reads the backups of another one, beside its own configuration."""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.components.pgbackrest import IO_SECONDS, NEWEST_SET, SPOOL, USER, option_lines
from cluster.components.pgbackrest_archive import LOGS, NEWEST_SET_TEXT, bounded, owned
from cluster.components.standby_cluster import SOURCE_BOUNDED, SOURCE_RESTORE
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import repositories_of
from cluster.errors import ConfigError
from cluster.pki.certificates import SOURCE as PLACE

SOURCE = "/etc/pgbackrest/source"
SOURCE_CONFIGURATION = f"{SOURCE}/pgbackrest.conf"


def source_configuration(source: Cluster, data_directory: str) -> File:
    """
    pgbackrest.conf for another cluster's backups, all of which are behind its repository host. Nothing is ever stored
    with it: it is for restore and archive-get.

    + data_directory: of the new cluster
    """
    node = source.repository
    if node is None:
        raise ConfigError(f"cluster {source.name} has no repository host\nHINT: there is nothing to restore from.")
    options: list[tuple[str, object]] = []
    for one in repositories_of(source.settings):
        options += [
            (f"{one.prefix}-host", node.backup_address),
            (f"{one.prefix}-host-type", "tls"),
            (f"{one.prefix}-host-port", source.settings.pgbackrest_port),
            (f"{one.prefix}-host-ca-file", f"{SOURCE}/ca.crt"),
            (f"{one.prefix}-host-cert-file", f"{SOURCE}/client.crt"),
            (f"{one.prefix}-host-key-file", f"{SOURCE}/client.key"),
        ]
    common = (
        ("spool-path", SPOOL),
        ("io-timeout", IO_SECONDS),
        ("log-level-console", "warn"),
        ("log-level-stderr", "off"),
    )
    lines = ["# Managed by pyinfra-patroni.", "[global]", *option_lines((*options, *common))]
    text = "\n".join([*lines, "", f"[{source.name}]", f"pg1-path={data_directory}"])
    return File(SOURCE_CONFIGURATION, f"{text}\n", USER, USER, "600")


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


COMPONENT = ComponentType(
    name="pgbackrest_source",
    on=lambda cluster, node: cluster.reads_source(node),
    packages=lambda cluster, node: ("pgbackrest",),
    held=("pgbackrest",),
    files=lambda cluster, node, secrets: source_component(cluster, node),
    lent=lambda cluster, node: (PLACE,),
    owns=lambda cluster, node: (SOURCE, SOURCE_BOUNDED, NEWEST_SET, SPOOL),
)
