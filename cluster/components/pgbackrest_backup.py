"""Backups on the repository host: the program that takes one, its unit, and a timer for each type."""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, role
from cluster.components.data_mounts import REPOSITORY, data_mounts_program, start_condition
from cluster.components.files import File
from cluster.components.pgbackrest import (
    BACKUP,
    BACKUP_UNIT,
    SPOOL,
    USER,
)
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import (
    MOST,
    Repository,
    repositories_of,
    scheduled,
    service,
    timer,
    timer_path,
)
from cluster.measures import LEAST_MIB
from cluster.settings.pgbackrest import DIRECTORY, TYPES

# With these words the script that takes a backup names a full disk too; pgBackRest itself does not.
FULL_WORDS = "the repository is full"

LOCK_SECONDS = 4 * 3600
# What a backup waits for the checkpoint that it begins with, and for the WAL that it needs. A member waits for a store
# that is gone, 18 times pgBackRest's io-timeout, before it stores in the other one.
ARCHIVE_SECONDS = 600

# Whatever the settings say now, another time may have been declared before.
TIMERS = tuple(timer(kind, number) for number in range(1, MOST + 1) for kind in TYPES)


def backup_component(cluster: Cluster, node: Node) -> Component:
    """Program, unit and timers of the backups on the repository host."""
    files = [File(BACKUP, _backup(cluster, node), mode="755"), File(BACKUP_UNIT, _backup_unit(cluster))]
    files += [data_mounts_program()] if cluster.repository_directory is not None else []
    units: list[Unit] = []
    for repository, kind in scheduled(cluster.settings):
        name = timer(kind, repository.number)
        files.append(File(timer_path(name), _timer(cluster, repository, kind)))
        units.append(Unit(name, (timer_path(name), BACKUP_UNIT), load=f"systemctl restart {name}"))
    return Component(files=tuple(files), units=tuple(units))


def _backup(cluster: Cluster, node: Node) -> str:
    return rendered(
        "pgbackrest/backup.sh.j2",
        stanza=cluster.name,
        spool=SPOOL,
        lock_seconds=LOCK_SECONDS,
        process_max=cluster.settings.pgbackrest_process_max,
        core_part=4 if "postgres" in node.roles else 2,
        directory=cluster.repository_directory,
        directory_number=next((one.number for one in repositories_of(cluster.settings) if one.kind == DIRECTORY), 0),
        archive_seconds=ARCHIVE_SECONDS,
        least_mib=LEAST_MIB,
        full=FULL_WORDS,
    )


def _backup_unit(cluster: Cluster) -> str:
    stored = cluster.repository_directory
    condition = None if stored is None else start_condition(REPOSITORY, stored)
    return rendered("pgbackrest/backup.service.j2", stanza=cluster.name, user=USER, program=BACKUP, condition=condition)


def _timer(cluster: Cluster, repository: Repository, kind: str) -> str:
    return rendered(
        "pgbackrest/backup.timer.j2",
        stanza=cluster.name,
        kind=kind,
        place=None if repository.alone else repository.title,
        service=service(kind, repository.number),
        when=cluster.settings.pgbackrest_schedule[kind],
        delay_minutes=cluster.settings.pgbackrest_random_delay_minutes,
    )


COMPONENT = ComponentType(
    name="pgbackrest_backup",
    on=role("backup"),
    files=lambda cluster, node, secrets: backup_component(cluster, node),
    units=lambda cluster, node: tuple(timer(kind, one.number) for one, kind in scheduled(cluster.settings)),
    former_units=TIMERS,
    owns=lambda cluster, node: (BACKUP, BACKUP_UNIT, *map(timer_path, TIMERS)),
)
