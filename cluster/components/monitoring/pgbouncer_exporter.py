"""
Metrics of PgBouncer, of all processes of a host at once. Debian's exporter knows one process, and that of Debian 12 no
TLS: so a program of ours asks their consoles, and the door in front of it asks for the scraper's certificate.
"""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.files import Directory, File
from cluster.components.monitoring.exporter import (
    DIRECTORY,
    DOOR_PACKAGE,
    DOOR_UNIT,
    PROGRAMS,
    door_component,
    exporter_type,
)
from cluster.components.rendering import program
from cluster.declared.model import Cluster, Node
from cluster.declared.monitoring import ROLE
from cluster.declared.pgbouncer import pooling_hosts, processes

NAME = "pgbouncer_exporter"
CONFIGURATION = f"{DIRECTORY}/pgbouncer.yml"
PROGRAM = f"{PROGRAMS}/pgbouncer-metrics"
MODULE = "pgbouncer"
SETTING = "monitoring_pgbouncer_port"


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it."""
    return cluster.settings.monitoring and node in pooling_hosts(cluster)


def pgbouncer_exporter_component(cluster: Cluster, node: Node) -> Component:
    """Its files and unit on one host of PgBouncer."""
    if not is_wanted(cluster, node):
        return Component()
    sockets = [f"{process.name}={process.socket}" for process in processes(cluster, node)]
    run = {"command": PROGRAM, "args": [ROLE, *sockets]}
    module = {MODULE: {"method": "exec", "timeout": "5s", "exec": run}}
    behind = Component((Directory(PROGRAMS),), (File(PROGRAM, program("pgbouncer_metrics.pl"), mode="755"),))
    return behind + door_component(cluster, node, NAME, "Metrics of PgBouncer", SETTING, CONFIGURATION, module)


COMPONENT = exporter_type(
    NAME,
    SETTING,
    is_wanted,
    lambda cluster, node, secrets: pgbouncer_exporter_component(cluster, node),
    packages=(DOOR_PACKAGE,),
    debian_units={DOOR_PACKAGE: DOOR_UNIT},
    owns=(PROGRAM, CONFIGURATION),
)
