"""pgBackRest's configuration, and the paths of its programs. https://pgbackrest.org/configuration.html"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.components.files import File
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import Repository, repositories_of
from cluster.errors import ConfigError
from cluster.pki.certificates import PGBACKREST, PGBACKREST_SERVER
from cluster.secrets.private_files import read_text, refuse_open_to_others
from cluster.settings.pgbackrest import DIRECTORY, S3

CONFIGURATION = "/etc/pgbackrest/pgbackrest.conf"
SPOOL = "/var/spool/pgbackrest"
# The server, which sees no /tmp, has the same: commands on its host and those of its clients exclude each other.
LOCKS = f"{SPOOL}/lock"
# Of a member to which the repository gave no answer, and which does not ask again for a while.
SILENT_MARK = f"{SPOOL}/repository-is-silent"
USER = "postgres"
CIPHER_PASS = "PGBACKREST_CIPHER_PASS"
SERVER = "pgbackrest"
SERVER_CONFIGURATION = f"{PGBACKREST_SERVER.directory}/pgbackrest.conf"
SERVER_SECRETS = "/etc/pgbackrest/server.env"
SERVER_DROP_IN_DIRECTORY = f"/etc/systemd/system/{SERVER}.service.d"
SERVER_DROP_IN = f"{SERVER_DROP_IN_DIRECTORY}/pyinfra-patroni.conf"

# pgBackRest's own check demands its name in archive_command.
BOUNDED = "/usr/local/bin/pgbackrest-bounded"
ARCHIVE_COMMAND = f'{BOUNDED} push "%p"'
RESTORE_COMMAND = f'{BOUNDED} get "%f" "%p"'
CLONE_COMMAND = f"{BOUNDED} clone"
NEWEST_SET = "/usr/local/bin/pgbackrest-newest-set"

# On the repository host: nothing writes below the place of a mount that is missing.

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
    """The keys of the S3-compatible store, read on the control machine; None where none is declared."""
    declared = cluster.settings.pgbackrest_s3_credentials
    if S3 not in cluster.settings.pgbackrest_repositories or declared is None:
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


def configuration(cluster: Cluster, node: Node, cipher_pass: str, store: Store | None) -> File:
    """
    pgbackrest.conf of one host. Only the repository host knows the pass phrase and the store's keys.

    + cipher_pass: with which everything in the repository is encrypted
    + store: the keys of an S3-compatible store
    """
    lines = ["# Managed by pyinfra-patroni.", "[global]", *option_lines(_shared(cluster, node))]
    repositories = repositories_of(cluster.settings)
    for one in repositories:
        lines += option_lines(_stored(cluster, node, one, cipher_pass, store))
    if "backup" in node.roles:
        lines.append("start-fast=y")
    lines += ["", "[global:archive-push]", "archive-async=y", "compress-level=3"]
    if repositories[0].kind == S3:
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
        ("spool-path", SPOOL),
        ("lock-path", LOCKS),
        ("io-timeout", IO_SECONDS),
        ("compress-type", "zst"),
        ("log-level-console", "warn"),
        ("log-level-stderr", "off"),
        ("log-level-file", "info"),
    )
    if settings.pgbackrest_process_max is not None:
        yield "process-max", settings.pgbackrest_process_max


def _stored(
    cluster: Cluster, node: Node, repository: Repository, cipher_pass: str, store: Store | None
) -> Iterable[tuple[str, object]]:
    """What a host knows of a repository: all of it, or the way to the host that does."""
    if "backup" in node.roles:
        return repository_options(cluster, repository, cipher_pass, store)
    return _host(repository.prefix, cluster, cluster.repository) if cluster.repository is not None else ()


def repository_options(
    cluster: Cluster, repository: Repository, cipher_pass: str, store: Store | None
) -> Iterable[tuple[str, object]]:
    """Where a repository is, and how it is read and kept. + cipher_pass, store: as ``configuration`` has them"""
    options = (("bundle", "y"), *_retention(cluster, repository))
    return (
        *place_options(cluster, repository),
        *secret_options(repository, cipher_pass, store),
        *_of(repository, options),
    )


def place_options(cluster: Cluster, repository: Repository) -> Iterable[tuple[str, object]]:
    """Where a repository is, without anything secret."""
    return _of(repository, (*_place(cluster, repository), ("cipher-type", "aes-256-cbc")))


def secret_options(repository: Repository, cipher_pass: str, store: Store | None) -> Iterable[tuple[str, object]]:
    """What opens a repository. + cipher_pass, store: as ``configuration`` has them"""
    yield f"{repository.prefix}-cipher-pass", cipher_pass
    if repository.kind == S3:
        assert store is not None, "a store is declared with its keys"
        yield from _of(repository, (("s3-key", store.key), ("s3-key-secret", store.secret)))


def _of(repository: Repository, options: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    return ((f"{repository.prefix}-{name}", value) for name, value in options)


def _place(cluster: Cluster, repository: Repository) -> Iterable[tuple[str, object]]:
    settings = cluster.settings
    if repository.kind == DIRECTORY:
        yield "path", settings.pgbackrest_path
        return
    endpoint, _, number = (settings.pgbackrest_s3_endpoint or "").partition(":")
    yield from (
        ("path", settings.pgbackrest_s3_path),
        ("type", "s3"),
        ("s3-bucket", settings.pgbackrest_s3_bucket),
        ("s3-endpoint", endpoint),
        ("s3-region", settings.pgbackrest_s3_region),
        ("s3-uri-style", settings.pgbackrest_s3_uri_style),
    )
    if number:
        yield "storage-port", number
    if settings.pgbackrest_s3_ca_file is not None:
        yield "storage-ca-file", settings.pgbackrest_s3_ca_file


def _retention(cluster: Cluster, repository: Repository) -> Iterable[tuple[str, object]]:
    for name in ("retention_full", "retention_full_type", "retention_diff"):
        value = getattr(cluster.settings, f"pgbackrest_s3_{name}") if repository.kind == S3 else None
        if value is None:
            value = getattr(cluster.settings, f"pgbackrest_{name}")
        if value is not None:
            yield name.replace("_", "-"), value


def _member(prefix: str, cluster: Cluster, node: Node, member: Node) -> Iterable[tuple[str, object]]:
    if member is not node:
        yield from _host(prefix, cluster, member)
    yield f"{prefix}-path", cluster.data_directory
    yield f"{prefix}-port", cluster.settings.postgres_port
    yield f"{prefix}-socket-path", "/var/run/postgresql"


def _host(prefix: str, cluster: Cluster, other: Node) -> Iterable[tuple[str, object]]:
    yield from (
        (f"{prefix}-host", other.backup_address),
        (f"{prefix}-host-type", "tls"),
        (f"{prefix}-host-port", cluster.settings.pgbackrest_port),
        (f"{prefix}-host-ca-file", PGBACKREST.authority),
        (f"{prefix}-host-cert-file", PGBACKREST.certificate),
        (f"{prefix}-host-key-file", PGBACKREST.key),
    )
