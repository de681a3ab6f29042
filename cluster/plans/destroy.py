"""What a cluster has on its hosts, all of which goes when it is destroyed, and what is kept unless it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cluster.components.all import components_on, owned_paths
from cluster.components.data_mounts import NOTES as DATA_MOUNTS_NOTES
from cluster.components.data_mounts import PROGRAM as DATA_MOUNTS
from cluster.components.etcd_snapshot import STATE
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.packages.files import NEEDRESTART
from cluster.settings.pgbackrest import S3

# Notes of a restore and of mounts, snapshots of etcd, and what the units have loaded.
_EVERYWHERE = (NEEDRESTART, DATA_MOUNTS, DATA_MOUNTS_NOTES, STATE, "/run/pyinfra-patroni")


def traces_on(cluster: Cluster, node: Node) -> list[str]:
    """Every file and directory of ours on a host, except data and backups. + node: as declared"""
    return [*owned_paths(cluster, node), *_EVERYWHERE]


def ties_on(cluster: Cluster, node: Node, *, wipe: bool) -> list[str]:
    """
    The same of a host that leaves a cluster which goes on: snapshots of etcd stay there, and beside data that stay what
    knows of their mount. + wipe: PostgreSQL's data go
    """
    keeps = "postgres" in node.roles and not wipe
    stays = {STATE, *((DATA_MOUNTS, DATA_MOUNTS_NOTES) if keeps else ())}
    notes = [path for one in components_on(cluster, node) for path in one.notes]
    data = data_on(cluster, node) if wipe else []
    return [*(path for path in traces_on(cluster, node) if path not in stays), *notes, *data]


def data_on(cluster: Cluster, node: Node) -> list[str]:
    """PostgreSQL's data on a host. + node: as declared"""
    return [cluster.data_directory] if "postgres" in node.roles else []


def backups_on(cluster: Cluster, node: Node) -> list[str]:
    """This cluster's part of the repository's directory; another one may share it. + node: as declared"""
    directory = cluster.repository_directory if "backup" in node.roles else None
    return [] if directory is None else [f"{directory}/{kind}/{cluster.name}" for kind in ("backup", "archive")]


def refuse_foreign(cluster: Cluster, owners: Mapping[str, Iterable[str]]) -> None:
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
        f"  otherwise delete {secrets} once you no longer need the backups; it contains their passphrase",
    ]
