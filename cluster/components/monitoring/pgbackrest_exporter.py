"""
Metrics of the backups, on the repository host: a timer writes them into a file that node_exporter reads. So nothing
that may read backups listens anywhere, and they are the same on Debian 12, which has no exporter for them.
"""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.components.monitoring.exporter import PROGRAMS, TEXTFILES, unit_of
from cluster.components.rendering import program, rendered
from cluster.declared.model import Cluster, Node

NAME = "pgbackrest_exporter"
PROGRAM = f"{PROGRAMS}/pgbackrest-metrics"
METRICS = f"{TEXTFILES}/pyinfra_patroni_pgbackrest.prom"
TIMER = f"{unit_of(NAME)}.timer"
SERVICE_PATH = f"/etc/systemd/system/{unit_of(NAME)}.service"
TIMER_PATH = f"/etc/systemd/system/{TIMER}"


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it."""
    return cluster.settings.monitoring and "backup" in node.roles


def pgbackrest_exporter_component(cluster: Cluster, node: Node) -> Component:
    """Its files and units on the repository host."""
    if not is_wanted(cluster, node):
        return Component()
    values = {"program": PROGRAM, "metrics": METRICS, "directory": TEXTFILES}
    files = (
        File(PROGRAM, program("pgbackrest_metrics.py"), mode="755"),
        File(SERVICE_PATH, rendered("monitoring/pgbackrest.service.j2", None, cluster=cluster.name, **values)),
        File(
            TIMER_PATH, rendered("monitoring/pgbackrest.timer.j2", minutes=cluster.settings.monitoring_backup_minutes)
        ),
    )
    timer = Unit(TIMER, (TIMER_PATH, SERVICE_PATH, PROGRAM), load=f"systemctl restart {TIMER}")
    return Component((Directory(PROGRAMS),), files, (timer,))


COMPONENT = ComponentType(
    name=NAME,
    on=lambda cluster, node: True,
    wanted=is_wanted,
    packages=lambda cluster, node: ("python3",) if is_wanted(cluster, node) else (),
    files=lambda cluster, node, secrets: pgbackrest_exporter_component(cluster, node),
    phase="timers",
    units=lambda cluster, node: (TIMER,) if is_wanted(cluster, node) else (),
    former_units=(TIMER,),
    mark=TIMER_PATH,
    owns=lambda cluster, node: (TIMER_PATH, SERVICE_PATH, PROGRAM, METRICS),
    shells=(PROGRAMS,),
)
