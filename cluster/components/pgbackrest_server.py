"""pgBackRest's TLS server: whom it lets in, its unit, and the little of its host that it sees."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File
from cluster.components.patroni import PASSWORD_FILE
from cluster.components.pgbackrest import (
    IO_SECONDS,
    LOCKS,
    SERVER,
    SERVER_CONFIGURATION,
    SERVER_DROP_IN,
    SERVER_DROP_IN_DIRECTORY,
    SERVER_SECRETS,
    USER,
    Store,
    option_lines,
    place_options,
    secret_options,
)
from cluster.components.pgbackrest_drill import drill_directory
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import Repository, repositories_of
from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PGBACKREST_SERVER, POSTGRES
from cluster.settings.pgbackrest import S3

# Keys of the other services, the passwords that Patroni keeps, and what opens a shell.
_CONFIGURATIONS = tuple(str(PurePosixPath(place.directory).parent) for place in (ETCD, PATRONI, POSTGRES, HAPROXY))
_HOME = ("/var/lib/postgresql/.ssh", PASSWORD_FILE)

# A signal, after which new connections find the new files; sessions go on. What systemd reads, the address and the port
# need a restart, which ends a backup that is under way.
_LOAD = """
since=$(systemctl show --timestamp=unix -p ExecMainStartTimestamp --value {unit})
if [ -n "$(find {files} -newermt "$since")" ]; then systemctl restart {unit}; else systemctl reload {unit}; fi
sleep 0.5
[ -n "$(ss -Hltn 'src {listens}')" ] || systemctl restart {unit}
"""


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
        ("tls-server-address", node.backup_address),
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


def server_component(cluster: Cluster, node: Node, cipher_pass: str, store: Store | None) -> Component:
    """Its files and its unit; nothing on a host that lets nobody in. + cipher_pass, store: open the repository"""
    if not clients(cluster, node):
        return Component()
    files = [server_configuration(cluster, node), File(SERVER_DROP_IN, _drop_in(cluster, node))]
    at_start = [SERVER_DROP_IN]
    if "backup" in node.roles:
        files.append(server_secrets(cluster, node, cipher_pass, store))
        at_start.append(SERVER_SECRETS)
    place = PGBACKREST_SERVER
    loads = (SERVER_CONFIGURATION, place.certificate, place.authority, *at_start)
    load = f"({_LOAD.format(unit=SERVER, files=' '.join(at_start), listens=_listens(cluster, node))})"
    directories = (Directory(SERVER_DROP_IN_DIRECTORY), Directory(place.directory, place.user, place.user, "700"))
    return Component(directories, tuple(files), (Unit(SERVER, loads, load=load),))


def _listens(cluster: Cluster, node: Node) -> str:
    return node.backup_address.endpoint(cluster.settings.pgbackrest_port)


def _drop_in(cluster: Cluster, node: Node) -> str:
    settings = cluster.settings
    repository = "backup" in node.roles
    hidden = [f"-{path}" for path in (*_CONFIGURATIONS, *_HOME)]
    return rendered(
        "pgbackrest/server.conf.j2",
        configuration=SERVER_CONFIGURATION,
        listens=_listens(cluster, node),
        secrets=SERVER_SECRETS,
        directory=PGBACKREST_SERVER.directory,
        locks=LOCKS,
        repository=repository,
        repository_directory=cluster.repository_directory,
        store=S3 in settings.pgbackrest_repositories,
        store_authority=_out_of_sight(settings.pgbackrest_s3_ca_file),
        drill_directory=drill_directory(cluster),
        hidden=hidden,
    )


def _out_of_sight(path: str | None) -> str | None:
    """A file that the server would not see; one that it does see it also sees when it is replaced."""
    seen = path is None or (path.startswith(("/etc/", "/usr/")) and not path.startswith("/etc/pgbackrest/"))
    return None if seen else path
