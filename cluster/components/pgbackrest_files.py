"""All of pgBackRest on one host: its configuration, the archive wrapper, its TLS server, backups and their timers."""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.data_mounts import REPOSITORY, data_mounts_program, start_condition
from cluster.components.files import Directory, File
from cluster.components.pgbackrest import (
    BACKUP,
    BACKUP_UNIT,
    BOUNDED,
    LOCKS,
    NEWEST_SET,
    RESTORE_COMMAND,
    SPOOL,
    USER,
    configuration,
    store_of,
)
from cluster.components.pgbackrest_drill_files import drill_component
from cluster.components.pgbackrest_server_unit import server_component
from cluster.components.rendering import program, rendered
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import (
    Repository,
    repositories_of,
    scheduled,
    service,
    timer,
    timer_path,
)
from cluster.measures import LEAST_MIB
from cluster.secrets.secrets import Secret
from cluster.settings.pgbackrest import DIRECTORY

NEWEST_SET_TEXT = program("pgbackrest_newest_set.py")

# With these words the script that takes a backup names a full disk too; pgBackRest itself does not.
FULL_WORDS = "the repository is full"

LOGS = "/var/log/pgbackrest"

# Whoever got no answer from the repository keeps the others from asking for so long: longer than a promotion takes.
SILENCE_SECONDS = 20
# A segment of 16 MiB that takes longer goes on in the background, and the next call finds it done.
PUSH_SECONDS, GET_SECONDS = 15, 5
LOCK_SECONDS = 4 * 3600
# What a backup waits for the checkpoint that it begins with, and for the WAL that it needs. A member waits for a store
# that is gone, 18 times pgBackRest's io-timeout, before it stores in the other one.
ARCHIVE_SECONDS = 600


def pgbackrest_component(cluster: Cluster, node: Node, cipher_pass: Secret) -> Component:
    """pgBackRest's files and units on one host. + cipher_pass: stands in the repository host's configuration"""
    # A member's file has no secret in it; the store's keys are read where they are needed.
    store = store_of(cluster) if "backup" in node.roles else None
    files = [configuration(cluster, node, str(cipher_pass), store)]
    units: list[Unit] = []
    if "postgres" in node.roles:
        files += [File(BOUNDED, _bounded(cluster, node), mode="755"), File(NEWEST_SET, NEWEST_SET_TEXT, mode="755")]
    if "backup" in node.roles:
        files += [File(BACKUP, _backup(cluster, node), mode="755"), File(BACKUP_UNIT, _backup_unit(cluster))]
        files += [data_mounts_program()] if cluster.repository_directory is not None else []
        for repository, kind in scheduled(cluster.settings):
            name = timer(kind, repository.number)
            files.append(File(timer_path(name), _timer(cluster, repository, kind)))
            units.append(Unit(name, (timer_path(name), BACKUP_UNIT), load=f"systemctl restart {name}"))
    ground = Component((Directory("/etc/pgbackrest"), *_owned(cluster, node)), tuple(files))
    drill = drill_component(cluster, str(cipher_pass), store) if "backup" in node.roles else Component()
    return ground + server_component(cluster, node, str(cipher_pass), store) + Component(units=tuple(units)) + drill


def _owned(cluster: Cluster, node: Node) -> list[Directory]:
    stored = cluster.repository_directory if "backup" in node.roles else None
    return owned(SPOOL, LOCKS, LOGS, *([stored] if stored is not None else []))


def owned(*paths: str) -> list[Directory]:
    """Directories that pgBackRest writes in."""
    return [Directory(path, USER, USER, "750") for path in paths]


def _bounded(cluster: Cluster, node: Node) -> str:
    return bounded(cluster, None if node is cluster.repository else cluster.repository, RESTORE_COMMAND)


def bounded(cluster: Cluster, repository: Node | None, restore_command: str, configuration: str | None = None) -> str:
    """
    The script between PostgreSQL and pgBackRest.

    + cluster: whose archive it is
    + repository: the host to be reached first; None: it is this one
    + restore_command: what a copy made by the script goes on with
    + configuration: of pgBackRest, when it is not its own
    """
    return rendered(
        "pgbackrest/bounded.sh.j2",
        stanza=cluster.name,
        configuration=configuration,
        spool=SPOOL,
        silence_seconds=SILENCE_SECONDS,
        push_seconds=PUSH_SECONDS,
        get_seconds=GET_SECONDS,
        process_max=cluster.settings.pgbackrest_process_max,
        repository=None if repository is None else repository.address,
        port=cluster.settings.pgbackrest_port,
        restore_command=restore_command,
        newest_set=NEWEST_SET,
        version=cluster.settings.postgres_version,
    )


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
