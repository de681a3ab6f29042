"""pgBackRest's TLS server: whom it lets in, and the little of its host that it sees."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.components.files import File
from cluster.components.pgbackrest import (
    IO_SECONDS,
    LOCKS,
    SERVER,
    USER,
    Store,
    option_lines,
    place_options,
    secret_options,
)
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import Repository, repositories_of
from cluster.pki.certificates import PGBACKREST_SERVER

SERVER_CONFIGURATION = f"{PGBACKREST_SERVER.directory}/pgbackrest.conf"
SERVER_SECRETS = "/etc/pgbackrest/server.env"
SERVER_DROP_IN_DIRECTORY = f"/etc/systemd/system/{SERVER}.service.d"
SERVER_DROP_IN = f"{SERVER_DROP_IN_DIRECTORY}/pyinfra-patroni.conf"


def clients(cluster: Cluster, node: Node) -> list[Node]:
    """
    Those whose certificate opens this host: the members, and those of standby clusters, on the repository host, and it
    on them. A host that is the only member and has the repository, too, has none, and pgBackRest's server does not
    start then.
    """
    wanted = (*cluster.members, *cluster.followers) if "backup" in node.roles else cluster.having("backup")
    return [client for client in wanted if client is not node]


def server_configuration(cluster: Cluster, node: Node) -> File:
    """
    What the server reads: it alone, for a client may name any path, and what the server can open is open to its
    clients. Nothing in it is a secret but the key beside it, which is for this server and opens nothing elsewhere.
    """
    place = PGBACKREST_SERVER
    options: list[tuple[str, object]] = [
        ("tls-server-address", node.address),
        ("tls-server-port", cluster.settings.pgbackrest_port),
        ("tls-server-ca-file", place.authority),
        ("tls-server-cert-file", place.certificate),
        ("tls-server-key-file", place.key),
        *(("tls-server-auth", f"{client.name}={cluster.name}") for client in clients(cluster, node)),
        ("lock-path", LOCKS),
        ("io-timeout", IO_SECONDS),
        ("log-level-console", "warn"),
        ("log-level-file", "off"),
    ]
    for one in _repositories(cluster, node):
        options += place_options(cluster, one)
    text = "\n".join(["# Managed by pyinfra-patroni.", "[global]", *option_lines(options)])
    return File(SERVER_CONFIGURATION, f"{text}\n", USER, USER, "600")


def server_secrets(cluster: Cluster, node: Node, cipher_pass: str, store: Store | None) -> File:
    """
    What opens the repositories, as the environment of the server: systemd reads the file before the server has lost
    sight of it, and /proc, where its own environment would lie, is not there for it. On a member there is none.

    + cipher_pass, store: as ``configuration`` has them
    """
    lines = ["# Managed by pyinfra-patroni."]
    for one in _repositories(cluster, node):
        lines += [
            f"PGBACKREST_{name.upper().replace('-', '_')}={_quoted(str(value))}"
            for name, value in secret_options(one, cipher_pass, store)
        ]
    return File(SERVER_SECRETS, "\n".join(lines) + "\n", mode="600")


def _repositories(cluster: Cluster, node: Node) -> Iterable[Repository]:
    return repositories_of(cluster.settings) if "backup" in node.roles else ()


def _quoted(value: str) -> str:
    """As systemd.exec(5) reads it in a file of its own."""
    for special in '\\"`$':
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'
