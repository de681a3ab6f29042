"""What the restore drill needs on the repository host: its program, its configuration, its unit and its timer."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, role
from cluster.components.files import Directory, File
from cluster.components.patroni import server_packages
from cluster.components.pgbackrest import CIPHER_PASS, USER, Store, store_of
from cluster.components.pgbackrest_drill import (
    DRILL,
    DRILL_CONFIGURATION,
    DRILL_HBA,
    DRILL_PLACE,
    DRILL_SERVICE,
    DRILL_SETTINGS,
    DRILL_TIMER,
    DRILL_TIMER_PATH,
    DRILL_UNIT,
    PROGRAMS,
    PROOFS,
    RUNTIME,
    drill_configuration,
    drill_directories,
    drill_directory,
    drill_free_paths,
    drill_hidden,
    drill_place,
    drill_readable,
    drill_writable,
    proven_repository,
)
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster
from cluster.settings.pgbackrest import S3

_ON_HOST = Path(__file__).parent / "on_host"


def drill_component(cluster: Cluster, cipher_pass: str, store: Store | None) -> Component:
    """Files and units of the drill. + cipher_pass, store: with which it reads the repository"""
    files = [*_programs(), *_settings(cluster), drill_configuration(cluster, cipher_pass, store), drill_place(cluster)]
    files.append(_service(cluster))
    units = []
    if (when := cluster.settings.pgbackrest_drill_schedule) is not None:
        files.append(_timer(cluster, when))
        units.append(Unit(DRILL_TIMER, (DRILL_TIMER_PATH, DRILL_UNIT), load=f"systemctl restart {DRILL_TIMER}"))
    return Component((Directory(PROGRAMS), *drill_directories(cluster)), tuple(files), tuple(units))


def _programs() -> list[File]:
    return [File(f"{PROGRAMS}/{path.name}", path.read_text()) for path in sorted(_ON_HOST.glob("pgbackrest_drill*.py"))]


def _settings(cluster: Cluster) -> list[File]:
    text = rendered(
        "pgbackrest/drill.postgresql.conf.j2",
        stanza=cluster.name,
        configuration=DRILL_CONFIGURATION,
        runtime=RUNTIME,
        hba=DRILL_HBA,
        memory_mib=cluster.settings.pgbackrest_drill_memory_mib,
    )
    return [File(DRILL_SETTINGS, text), File(DRILL_HBA, "local all postgres peer\n")]


def _service(cluster: Cluster) -> File:
    text = rendered(
        "pgbackrest/drill.service.j2",
        stanza=cluster.name,
        user=USER,
        program=f"/usr/bin/python3 {DRILL}",
        place=DRILL_PLACE,
        runtime=PurePosixPath(RUNTIME).name,
        memory_mib=cluster.settings.pgbackrest_drill_memory_mib,
        network=proven_repository(cluster).kind == S3,
        free=[f"{path}:mode=1777" for path in drill_free_paths(cluster)],
        readable=drill_readable(cluster),
        writable=drill_writable(cluster),
        hidden=drill_hidden(),
    )
    return File(DRILL_UNIT, text)


def _timer(cluster: Cluster, when: str) -> File:
    text = rendered(
        "pgbackrest/drill.timer.j2",
        stanza=cluster.name,
        service=DRILL_SERVICE,
        when=when,
        delay_minutes=cluster.settings.pgbackrest_random_delay_minutes,
    )
    return File(DRILL_TIMER_PATH, text)


def _packages(cluster: Cluster) -> tuple[str, ...]:
    # A store's certificate is verified by the system's CAs, of which Debian's minimum has none.
    stored = ("ca-certificates",) if S3 in cluster.settings.pgbackrest_repositories else ()
    return *server_packages(cluster), "python3", *stored


COMPONENT = ComponentType(
    name="pgbackrest_drill",
    on=role("backup"),
    packages=lambda cluster, node: _packages(cluster),
    held=("postgresql-",),
    files=lambda cluster, node, secrets: drill_component(cluster, str(secrets[CIPHER_PASS]), store_of(cluster)),
    secrets=lambda cluster, node: (CIPHER_PASS,),
    units=lambda cluster, node: (DRILL_TIMER,) if cluster.settings.pgbackrest_drill_schedule is not None else (),
    former_units=(DRILL_TIMER,),
    owns=lambda cluster, node: (
        *(PROGRAMS, PROOFS, DRILL_CONFIGURATION, DRILL_PLACE, DRILL_UNIT, DRILL_TIMER_PATH),
        drill_directory(cluster),
    ),
)
