"""pgBackRest's TLS server as a unit that reaches what it serves and nothing else."""

from __future__ import annotations

from pathlib import PurePosixPath

from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File
from cluster.components.patroni import PASSWORD_FILE
from cluster.components.pgbackrest import LOCKS, SERVER, Store
from cluster.components.pgbackrest_drill import drill_directory
from cluster.components.pgbackrest_server import (
    SERVER_CONFIGURATION,
    SERVER_DROP_IN,
    SERVER_DROP_IN_DIRECTORY,
    SERVER_SECRETS,
    clients,
    server_configuration,
    server_secrets,
)
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster, Node
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
    return node.address.endpoint(cluster.settings.pgbackrest_port)


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
