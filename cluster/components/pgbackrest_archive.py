"""pgBackRest on every host that takes part in the backups: configuration, archive wrapper, TLS server."""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.component_type import Admission, ComponentType, Listener, Reach, comes_from
from cluster.components.files import Directory, File
from cluster.components.pgbackrest import (
    BOUNDED,
    CIPHER_PASS,
    CONFIGURATION,
    LOCKS,
    NEWEST_SET,
    RESTORE_COMMAND,
    SERVER,
    SERVER_DROP_IN,
    SERVER_DROP_IN_DIRECTORY,
    SERVER_SECRETS,
    SPOOL,
    USER,
    configuration,
    store_of,
)
from cluster.components.pgbackrest_server import clients, server_component
from cluster.components.rendering import program, rendered
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import PGBACKREST, PGBACKREST_SERVER

NEWEST_SET_TEXT = program("pgbackrest_newest_set.py")

LOGS = "/var/log/pgbackrest"

# Whoever got no answer from the repository keeps the others from asking for so long: longer than a promotion takes.
SILENCE_SECONDS = 20
# A segment of 16 MiB that takes longer goes on in the background, and the next call finds it done.
PUSH_SECONDS, GET_SECONDS = 15, 5


def archive_component(cluster: Cluster, node: Node, cipher_pass: str) -> Component:
    """
    Configuration and TLS server on one host, and on a member the archive wrapper.

    + cipher_pass: is in the repository host's configuration, and in no member's
    """
    # The store's keys are read on the control machine, and only where they are needed.
    store = store_of(cluster) if "backup" in node.roles else None
    files = [configuration(cluster, node, cipher_pass, store)]
    if "postgres" in node.roles:
        files += [File(BOUNDED, _bounded(cluster, node), mode="755"), File(NEWEST_SET, NEWEST_SET_TEXT, mode="755")]
    ground = Component((Directory("/etc/pgbackrest"), *_owned(cluster, node)), tuple(files))
    return ground + server_component(cluster, node, cipher_pass, store)


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
        repository=None if repository is None else repository.backup_address,
        port=cluster.settings.pgbackrest_port,
        restore_command=restore_command,
        newest_set=NEWEST_SET,
        version=cluster.settings.postgres_version,
    )


def _listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    port, own = cluster.settings.pgbackrest_port, str(node.backup_address)
    return (Listener("pgbackrest_port", port, f"{SERVER}.service", (own,)),) if clients(cluster, node) else ()


def _reached(cluster: Cluster, node: Node) -> tuple[Reach, ...]:
    others = cluster.members if "backup" in node.roles else cluster.having("backup")
    return (Reach(others, (cluster.settings.pgbackrest_port,), network="backup"),)


def _admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    """Members of standby clusters read the archive."""
    ports = (cluster.settings.pgbackrest_port,)
    followers = cluster.followers if "backup" in node.roles else ()
    return tuple(Admission(one.name, comes_from(one, "backup"), ports) for one in followers)


COMPONENT = ComponentType(
    name="pgbackrest",
    on=lambda cluster, node: cluster.uses_pgbackrest(node),
    packages=lambda cluster, node: ("pgbackrest",),
    held=("pgbackrest",),
    undisturbed=("pgbackrest",),
    files=lambda cluster, node, secrets: archive_component(cluster, node, str(secrets[CIPHER_PASS])),
    secrets=lambda cluster, node: (CIPHER_PASS,) if "backup" in node.roles else (),
    service=f"{SERVER}.service",
    phase="archive",
    units=lambda cluster, node: (SERVER,) if clients(cluster, node) else (),
    former_units=(SERVER,),
    certificates=lambda cluster, node: (PGBACKREST, PGBACKREST_SERVER),
    listens=_listeners,
    reaches=_reached,
    admits=_admitted,
    tls={"pgbackrest_port": (PGBACKREST,)},
    owns=lambda cluster, node: (
        *(CONFIGURATION, PGBACKREST.directory, PGBACKREST_SERVER.directory, SERVER_SECRETS, SERVER_DROP_IN),
        *(BOUNDED, NEWEST_SET, SPOOL),
    ),
    shells=("/etc/pgbackrest", SERVER_DROP_IN_DIRECTORY),
)
