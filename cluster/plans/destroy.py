"""What a cluster has on its hosts, all of which goes when it is destroyed, and what is kept unless it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from cluster.components.data_mounts import ETCD as ETCD_DATA
from cluster.components.data_mounts import NOTES as DATA_MOUNTS_NOTES
from cluster.components.data_mounts import PROGRAM as DATA_MOUNTS
from cluster.components.data_mounts import note_path
from cluster.components.etcd import BOOTSTRAP, ENVIRONMENT, etcd_data_directory
from cluster.components.etcd import DROP_IN as ETCD_DROP_IN
from cluster.components.etcd import UNIT as ETCD_UNIT
from cluster.components.etcd_snapshot import PROGRAM as SNAPSHOT_PROGRAM
from cluster.components.etcd_snapshot import SERVICE_PATH as SNAPSHOT_SERVICE
from cluster.components.etcd_snapshot import STATE, keepers
from cluster.components.etcd_snapshot import TIMER as SNAPSHOT_TIMER
from cluster.components.etcd_snapshot import TIMER_PATH as SNAPSHOT_TIMER_PATH
from cluster.components.haproxy import CONFIGURATION as HAPROXY_CONFIGURATION
from cluster.components.haproxy import DROP_IN as HAPROXY_DROP_IN
from cluster.components.haproxy import UNIT as HAPROXY_UNIT
from cluster.components.patroni import CONFIG, PASSWORD_FILE
from cluster.components.patroni_unit import DROP_IN as PATRONI_DROP_IN
from cluster.components.patroni_unit import END_COPIES, MAY_START
from cluster.components.patroni_unit import UNIT as PATRONI_UNIT
from cluster.components.pgbackrest import (
    BACKUP,
    BACKUP_UNIT,
    BOUNDED,
    CONFIGURATION,
    NEWEST_SET,
    SERVER,
    SPOOL,
)
from cluster.components.pgbackrest_drill import (
    DRILL_CONFIGURATION,
    DRILL_PLACE,
    DRILL_TIMER,
    DRILL_TIMER_PATH,
    DRILL_UNIT,
    PROGRAMS,
    PROOFS,
    drill_directory,
)
from cluster.components.pgbackrest_server import SERVER_DROP_IN, SERVER_SECRETS
from cluster.components.pgbackrest_source import SOURCE
from cluster.components.standby_cluster import SOURCE_BOUNDED
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import MOST, timer, timer_path
from cluster.errors import UnsafeError
from cluster.packages.files import NEEDRESTART
from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PATRONI_ETCD, PGBACKREST, PGBACKREST_SERVER, POSTGRES
from cluster.settings.pgbackrest import S3, TYPES

# Whatever the settings say now, another time may have been declared before.
TIMERS = tuple(timer(kind, number) for number in range(1, MOST + 1) for kind in TYPES)

# By role, in the order in which they stop. A restore's and a backup's own units end with whoever started them.
_UNITS = {
    "haproxy": (HAPROXY_UNIT,),
    "backup": (*TIMERS, DRILL_TIMER),
    "postgres": (PATRONI_UNIT,),
    "etcd": (ETCD_UNIT,),
}
_FILES = {
    "haproxy": (HAPROXY_CONFIGURATION, HAPROXY_DROP_IN, HAPROXY.directory),
    "backup": (
        *(BACKUP, BACKUP_UNIT, *map(timer_path, TIMERS)),
        *(PROGRAMS, PROOFS, DRILL_CONFIGURATION, DRILL_PLACE, DRILL_UNIT, DRILL_TIMER_PATH),
    ),
    "postgres": (
        *(CONFIG, PASSWORD_FILE, MAY_START, END_COPIES, PATRONI_DROP_IN),
        *(PATRONI_ETCD.directory, PATRONI.directory, POSTGRES.directory),
    ),
    "etcd": (ENVIRONMENT, BOOTSTRAP, ETCD_DROP_IN, ETCD.directory),
}
_PGBACKREST = (
    *(CONFIGURATION, PGBACKREST.directory, PGBACKREST_SERVER.directory, SERVER_SECRETS, SERVER_DROP_IN),
    *(BOUNDED, NEWEST_SET, SPOOL),
)
_SOURCE = (SOURCE, SOURCE_BOUNDED, NEWEST_SET, SPOOL)
_SNAPSHOTS = (SNAPSHOT_PROGRAM, SNAPSHOT_SERVICE, SNAPSHOT_TIMER_PATH)

# Notes of a restore and of mounts, snapshots of etcd, and what the units have loaded.
_EVERYWHERE = (NEEDRESTART, DATA_MOUNTS, DATA_MOUNTS_NOTES, STATE, "/run/pyinfra-patroni")

# Debian's packages, or nobody, own these: they go when nothing is left in them.
_SHELLS = (
    *("/etc/etcd", "/etc/pgbackrest"),
    *(str(PurePosixPath(path).parent) for path in (PATRONI_DROP_IN, ETCD_DROP_IN, HAPROXY_DROP_IN, SERVER_DROP_IN)),
)


def units_on(cluster: Cluster, node: Node) -> list[str]:
    """Every unit that this project enables on a host. + node: as declared"""
    server = (SERVER,) if cluster.uses_pgbackrest(node) else ()
    snapshots = (SNAPSHOT_TIMER,) if node in keepers(cluster) else ()
    return [*snapshots, *(unit for role, units in _UNITS.items() if role in node.roles for unit in units), *server]


def traces_on(cluster: Cluster, node: Node) -> list[str]:
    """Every file and directory of ours on a host, but for data and backups. + node: as declared"""
    own = [path for role, paths in _FILES.items() if role in node.roles for path in paths]
    backups = _PGBACKREST if cluster.uses_pgbackrest(node) else ()
    source = _SOURCE if cluster.reads_source(node) else ()
    snapshots = _SNAPSHOTS if node in keepers(cluster) else ()
    etcd = [etcd_data_directory(cluster)] if "etcd" in node.roles else []
    drill = [drill_directory(cluster)] if "backup" in node.roles else []
    return [*own, *backups, *source, *snapshots, *etcd, *drill, *_EVERYWHERE]


def ties_on(cluster: Cluster, node: Node, *, wipe: bool) -> list[str]:
    """
    The same of a host that leaves a cluster which goes on: snapshots of etcd stay there, and beside data that stay what
    knows of their mount. + wipe: PostgreSQL's data go
    """
    keeps = "postgres" in node.roles and not wipe
    stays = {STATE, *((DATA_MOUNTS, DATA_MOUNTS_NOTES) if keeps else ())}
    notes = [note_path(ETCD_DATA)] if "etcd" in node.roles else []
    data = data_on(cluster, node) if wipe else []
    return [*(path for path in traces_on(cluster, node) if path not in stays), *notes, *data]


def shells_on(node: Node) -> tuple[str, ...]:
    """Directories that go when they are empty. + node: as declared"""
    return _SHELLS if node.roles else ()


def data_on(cluster: Cluster, node: Node) -> list[str]:
    """PostgreSQL's data on a host. + node: as declared"""
    return [cluster.data_directory] if "postgres" in node.roles else []


def backups_on(cluster: Cluster, node: Node) -> list[str]:
    """This cluster's part of the repository's directory; another one may share it. + node: as declared"""
    directory = cluster.repository_directory if "backup" in node.roles else None
    return [] if directory is None else [f"{directory}/{kind}/{cluster.name}" for kind in ("backup", "archive")]


def refuse_strangers(cluster: Cluster, owners: Mapping[str, Iterable[str]]) -> None:
    """
    Refuse to destroy what is another cluster's.

    + owners: the clusters that a host's files name, by host
    """
    for name, found in owners.items():
        if others := sorted(set(found) - {cluster.name}):
            raise UnsafeError(
                f"{name} belongs to the cluster {', '.join(others)}, not to {cluster.name}\n"
                "HINT: correct the inventory; nothing was changed."
            )


def destruction_lines(cluster: Cluster, absent: Iterable[str], *, wipe: bool, backups: bool, secrets: str) -> list[str]:
    """
    What goes and what stays.

    + absent: hosts that are not in this run; + secrets: where the control machine has them
    """
    gone = set(absent)
    there = [node.name for node in cluster if node.name not in gone]
    return [
        f"{cluster.name} is DESTROYED on {', '.join(there) or 'no host'}",
        "  goes   its services with units, timers and configuration; passwords, keys, certificates; etcd's data",
        _fate(f"PostgreSQL's data, {cluster.data_directory} and tablespaces", "wipe", goes=wipe),
        *_backup_lines(cluster, backups=backups),
        f"  stays  packages with their source, logs; on this machine the CA and the secrets, {secrets}",
        *(f"  note   {name} is not in this run: all of it stays there; keep it off" for name in sorted(gone)),
    ]


def _backup_lines(cluster: Cluster, *, backups: bool) -> Iterator[str]:
    if cluster.repository is not None and cluster.repository_directory is not None:
        place = f"{cluster.repository_directory} on {cluster.repository.name}"
        yield _fate(f"its backups and WAL in {place}", "backups", goes=backups)
    if cluster.repository is not None and S3 in cluster.settings.pgbackrest_repositories:
        yield "  stays  what is in the S3 store; delete that there"


def _fate(what: str, option: str, *, goes: bool) -> str:
    return f"  goes   {what}" if goes else f"  stays  {what} (--data {option}=true removes that, too)"


def destroyed_lines(cluster: Cluster, kept: Iterable[str], *, secrets: str) -> list[str]:
    """What is left to the operator. + kept: members with data; + secrets: where the control machine has them"""
    names = list(kept)
    again = f"deploys/cluster.py{' --data adopt=true' if names else ''}"
    return [
        f"{cluster.name} is destroyed",
        f"  {again} builds it again{', with the data that were kept' if names else ''}",
        f"  who does not want that removes {secrets} when no backup is needed any more: it has their pass phrase",
    ]
