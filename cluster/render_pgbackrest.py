"""pgBackRest's configuration, and where its programs lie. https://pgbackrest.org/configuration.html"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.certificates import PGBACKREST
from cluster.errors import ConfigError
from cluster.files import File
from cluster.model import Cluster, Node
from cluster.private_files import read_text, refuse_open_to_others
from cluster.settings_pgbackrest import TYPES

CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf"
SPOOL = "/var/spool/pgbackrest"
USER = "postgres"
SERVER = "pgbackrest"

# pgBackRest's own check demands its name in archive_command.
BOUNDED = "/usr/local/bin/pgbackrest-bounded"
ARCHIVE_COMMAND = f'{BOUNDED} push "%p"'
RESTORE_COMMAND = f'{BOUNDED} get "%f" "%p"'
CLONE_COMMAND = f"{BOUNDED} clone"

BACKUP = "/usr/local/bin/pgbackrest-backup"
BACKUP_UNIT = "/etc/systemd/system/pgbackrest-backup@.service"

# A host that is gone is noticed by this, three times in a row; pgBackRest's own default is a minute.
IO_SECONDS = 10


@dataclass(frozen=True)
class Store:
    """The S3 keys of a repository. They appear in no ``repr()``."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "Store()"


def store_of(cluster: Cluster) -> Store | None:
    """The keys of the S3-compatible store, read on the control machine; None where the repository is a directory."""
    declared = cluster.settings.pgbackrest_s3_credentials
    if cluster.settings.pgbackrest_s3_bucket is None or declared is None:
        return None
    path = Path(declared)
    if not path.exists():
        raise ConfigError(
            f"pgbackrest_s3_credentials: {path} is not there\n"
            "HINT: a file for its owner alone (chmod 600): the access key, then the secret key, a line each."
        )
    refuse_open_to_others(path)
    words = read_text(path).split()
    if len(words) != 2:
        raise ConfigError(
            f"pgbackrest_s3_credentials: {path} has {len(words)} words\n"
            "HINT: the access key, then the secret key, a line each."
        )
    return Store(*words)


def timer(kind: str) -> str:
    """The timer of one type of backup. + kind: full, diff or incr"""
    return f"pgbackrest-backup-{kind}.timer"


def service(kind: str) -> str:
    """The unit that takes one backup. + kind: full, diff or incr"""
    return f"pgbackrest-backup@{kind}.service"


def timer_path(kind: str) -> str:
    """Where the timer's file lies. + kind: full, diff or incr"""
    return f"/etc/systemd/system/{timer(kind)}"


def unscheduled(cluster: Cluster) -> list[str]:
    """The types of backups for which no time is declared."""
    return [kind for kind in TYPES if kind not in cluster.settings.pgbackrest_schedule]


def configuration(cluster: Cluster, node: Node, cipher_pass: str, store: Store | None) -> File:
    """
    pgbackrest.conf of one host. Only the repository host knows the pass phrase and the store's keys.

    + cipher_pass: with which everything in the repository is encrypted
    + store: the keys of an S3-compatible store
    """
    lines = ["# Managed by pyinfra-patroni.", "[global]", *option_lines(_shared(cluster, node))]
    if "backup" in node.roles:
        lines += option_lines(repository_options(cluster, cipher_pass, store))
    elif cluster.repository is not None:
        lines += option_lines(_host("repo1", cluster, cluster.repository))
    lines += ["", "[global:archive-push]", "archive-async=y", "compress-level=3"]
    if cluster.settings.pgbackrest_s3_bucket is not None:
        # Each segment is a journey to the store, so the next ones are fetched ahead. Where the repository is near this
        # would only cost a promotion, which asks for what is not there, the start of another process each time.
        lines += ["", "[global:archive-get]", "archive-async=y", "archive-get-queue-max=128MiB"]
    lines += ["", f"[{cluster.name}]"]
    # The local one first: archive-push and restore take it without being told.
    members = sorted(_members(cluster, node), key=lambda member: member is not node)
    for number, member in enumerate(members, 1):
        lines += option_lines(_member(f"pg{number}", cluster, node, member))
    return File(CONFIGURATION, "\n".join(lines) + "\n", USER, USER, "600")


def option_lines(values: Iterable[tuple[str, object]]) -> list[str]:
    """Options as they stand in a file. + values: name and value of each"""
    return [f"{name}={value}" for name, value in values]


def _members(cluster: Cluster, node: Node) -> list[Node]:
    return list(cluster.members) if "backup" in node.roles else [node]


def _shared(cluster: Cluster, node: Node) -> Iterable[tuple[str, object]]:
    settings = cluster.settings
    yield from (
        ("tls-server-address", node.address),
        ("tls-server-port", settings.pgbackrest_port),
        ("tls-server-ca-file", PGBACKREST.authority),
        ("tls-server-cert-file", PGBACKREST.certificate),
        ("tls-server-key-file", PGBACKREST.key),
    )
    for client in _clients(cluster, node):
        yield "tls-server-auth", f"{client.name}={cluster.name}"
    yield from (
        ("spool-path", SPOOL),
        ("io-timeout", IO_SECONDS),
        ("compress-type", "zst"),
        ("log-level-console", "warn"),
        ("log-level-stderr", "off"),
        ("log-level-file", "info"),
    )
    if settings.pgbackrest_process_max is not None:
        yield "process-max", settings.pgbackrest_process_max


def _clients(cluster: Cluster, node: Node) -> list[Node]:
    """Those whose certificate opens this host: the members on the repository host, and it on them."""
    wanted = cluster.members if "backup" in node.roles else cluster.having("backup")
    return [client for client in wanted if client is not node]


def repository_options(cluster: Cluster, cipher_pass: str, store: Store | None) -> Iterable[tuple[str, object]]:
    """Where the repository is, and how it is read and kept. + cipher_pass, store: as ``configuration`` has them"""
    settings = cluster.settings
    yield "repo1-path", settings.pgbackrest_path
    if store is not None:
        yield from _store(cluster, store)
    yield from (
        ("repo1-cipher-type", "aes-256-cbc"),
        ("repo1-cipher-pass", cipher_pass),
        ("repo1-bundle", "y"),
        ("repo1-retention-full", settings.pgbackrest_retention_full),
        ("repo1-retention-full-type", settings.pgbackrest_retention_full_type),
    )
    if settings.pgbackrest_retention_diff is not None:
        yield "repo1-retention-diff", settings.pgbackrest_retention_diff
    yield "start-fast", "y"


def _store(cluster: Cluster, store: Store) -> Iterable[tuple[str, object]]:
    settings = cluster.settings
    endpoint, _, number = (settings.pgbackrest_s3_endpoint or "").partition(":")
    yield from (
        ("repo1-type", "s3"),
        ("repo1-s3-bucket", settings.pgbackrest_s3_bucket),
        ("repo1-s3-endpoint", endpoint),
        ("repo1-s3-region", settings.pgbackrest_s3_region),
        ("repo1-s3-uri-style", settings.pgbackrest_s3_uri_style),
        ("repo1-s3-key", store.key),
        ("repo1-s3-key-secret", store.secret),
    )
    if number:
        yield "repo1-storage-port", number
    if settings.pgbackrest_s3_ca_file is not None:
        yield "repo1-storage-ca-file", settings.pgbackrest_s3_ca_file


def _member(prefix: str, cluster: Cluster, node: Node, member: Node) -> Iterable[tuple[str, object]]:
    if member is not node:
        yield from _host(prefix, cluster, member)
    yield f"{prefix}-path", cluster.data_directory
    yield f"{prefix}-port", cluster.settings.postgres_port
    yield f"{prefix}-socket-path", "/var/run/postgresql"


def _host(prefix: str, cluster: Cluster, other: Node) -> Iterable[tuple[str, object]]:
    yield from (
        (f"{prefix}-host", other.address),
        (f"{prefix}-host-type", "tls"),
        (f"{prefix}-host-port", cluster.settings.pgbackrest_port),
        (f"{prefix}-host-ca-file", PGBACKREST.authority),
        (f"{prefix}-host-cert-file", PGBACKREST.certificate),
        (f"{prefix}-host-key-file", PGBACKREST.key),
    )
