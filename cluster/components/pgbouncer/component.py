"""PgBouncer's files and units on one host: a process for each port on which clients find a pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from cluster.ciphers import OPENSSL
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import CLIENTS, Admission, ComponentType, Listener, comes_from
from cluster.components.files import Directory, File
from cluster.components.pgbouncer import sizes
from cluster.components.pgbouncer.hba import client_lines
from cluster.components.pgbouncer.hold import PROGRAMS as HOLD_PROGRAMS
from cluster.components.pgbouncer.hold import UNIT_PATH as HOLD_UNIT_PATH
from cluster.components.pgbouncer.hold import hold_component
from cluster.components.pgbouncer.roles import ROLE_CHANGED, role_changed
from cluster.components.rendering import program, rendered
from cluster.declared.client_networks import client_networks
from cluster.declared.model import Cluster, Node
from cluster.declared.monitoring import ROLE as MEASURING
from cluster.declared.pgbouncer import (
    AUTH_ROLE,
    LOOKUP_ROLE,
    PROCESS_NAMES,
    RUN_DIRECTORY,
    Process,
    pooling_hosts,
    processes,
    unit_of,
)
from cluster.pki.certificates import PGBOUNCER as PLACE
from cluster.secrets.secrets import Secret

PACKAGE = "pgbouncer"
DEBIAN_UNIT = "pgbouncer"
PASSWORD = "PGBOUNCER_PASSWORD"
USER = "postgres"
UNIT_PATH = "/etc/systemd/system/pgbouncer@.service"
DIRECTORY = "/etc/pgbouncer"
POOLS = f"{DIRECTORY}/pools"
CLIENTS_FILE = f"{DIRECTORY}/clients.hba"
LOGINS_FILE = f"{DIRECTORY}/logins.txt"
# What a running process read at its start alone: compared with what it would read now.
STARTED = "started-with"
# What keepalived asks on the same host. It takes programs from directories alone in which root alone writes.
POOLS_ANSWER = f"{DIRECTORY}/pools-answer"
LOOPBACK = "127.0.0.1"
ROLES = {"haproxy", "postgres"}


def console(name: str, port: int, *words: str, shape: str = "-At") -> str:
    """
    The command that tells a process something on its console, or asks it. PgBouncer lets in its own user there, without
    a password, as the user ``pgbouncer``.

    + name: the process's; + port: on which it listens
    + words: one or more commands as PgBouncer's manual has them, ``SHOW POOLS``
    + shape: of the answer, as options of psql
    """
    return (
        f"(cd / && timeout 5 runuser -u {USER} -- psql -Xq {shape} -v ON_ERROR_STOP=1 -h {RUN_DIRECTORY}/{name} "
        f"-p {port} -U pgbouncer -d pgbouncer {' '.join(f'-c {quote(one)}' for one in words)})"
    )


# A reload drops no client. Where it would not be enough there is a restart, and the clients connect again.
_LOAD = """
if cat {at_start} | cmp -s - {directory}/{started}; then {reload} >/dev/null; else systemctl restart {unit}; fi
"""


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has PgBouncer."""
    return node in pooling_hosts(cluster)


def pool_files(name: str) -> tuple[str, str]:
    """What a process reads of its own, of which the second part only at its start. + name: the process's"""
    return f"{POOLS}/{name}.ini", f"{POOLS}/{name}.listen.ini"


def pgbouncer_component(cluster: Cluster, node: Node, password: Secret) -> Component:
    """Files and units of one host; nothing where it has no PgBouncer. + password: of the role that looks up roles"""
    if not is_wanted(cluster, node):
        return Component()
    there = processes(cluster, node)
    owned = {"user": "root", "group": USER, "mode": "640"}
    files = (
        File(UNIT_PATH, _unit(cluster)),
        *([File(POOLS_ANSWER, program("pools_answer.pl"), mode="755")] if node in cluster.balancers else ()),
        *role_changed(cluster, node),
        File(CLIENTS_FILE, "".join(f"{line}\n" for line in client_lines(cluster)), **owned),
        File(LOGINS_FILE, _logins(cluster, password), USER, USER, mode="600"),
        *(file for process in there for file in _files(cluster, node, process, owned)),
    )
    own = Component((Directory(POOLS),), files, tuple(_loading(process) for process in there))
    return own + hold_component(cluster)


def _logins(cluster: Cluster, password: Secret) -> str:
    # Who measures has no password: it comes by peer, to the console alone.
    measures = f'"{MEASURING}" ""\n' if cluster.settings.monitoring else ""
    return f'"{AUTH_ROLE}" "{password!s}"\n{measures}'


def _files(cluster: Cluster, node: Node, process: Process, owned: Mapping[str, str]) -> Iterator[File]:
    main, listen = pool_files(process.name)
    shared = cluster.settings.pgbouncer_processes > 1
    yield File(listen, rendered("pgbouncer/listen.ini.j2", process=process, shared=shared), **owned)
    yield File(main, _configuration(cluster, node, process, listen), **owned)


def _loading(process: Process) -> Unit:
    main, listen = pool_files(process.name)
    load = _LOAD.format(
        at_start=f"{listen} {UNIT_PATH}",
        directory=process.directory,
        started=STARTED,
        reload=console(process.name, process.port, "RELOAD"),
        unit=process.unit,
    )
    loads = (main, listen, UNIT_PATH, CLIENTS_FILE, LOGINS_FILE, PLACE.authority, PLACE.certificate)
    return Unit(process.unit, loads, load=f"({load})")


def _configuration(cluster: Cluster, node: Node, process: Process, listen: str) -> str:
    host, port = _server(cluster, node, process)
    return rendered(
        "pgbouncer/pool.ini.j2",
        settings=cluster.settings,
        process=process,
        peers=[one for one in processes(cluster, node) if one.pool == process.pool][: _peers(cluster)],
        host=host,
        port=port,
        size=sizes.pool_size(cluster, process.pool),
        lookups=sizes.LOOKUPS,
        administration=sizes.ADMINISTRATION,
        lookup=LOOKUP_ROLE,
        auth_role=AUTH_ROLE,
        measuring=MEASURING if cluster.settings.monitoring else None,
        hba=CLIENTS_FILE,
        logins=LOGINS_FILE,
        listen=listen,
        places=PLACE,
        ciphers=OPENSSL,
    )


def _peers(cluster: Cluster) -> int:
    count = cluster.settings.pgbouncer_processes
    return count if count > 1 else 0


def _server(cluster: Cluster, node: Node, process: Process) -> tuple[str, int]:
    """Where a pool connects to: HAProxy beside it, or the member's own PostgreSQL, both over loopback."""
    settings = cluster.settings
    if settings.pgbouncer_on == "members":
        return node.address.loopback, settings.postgres_port
    return LOOPBACK, settings.haproxy_replicas_port if process.pool == "read" else settings.haproxy_primary_port


def _unit(cluster: Cluster) -> str:
    closed = (
        *("/var/lib/postgresql", cluster.data_directory, "/run/postgresql", "/etc/postgresql", "/etc/patroni"),
        *("/etc/pgbackrest", "/var/lib/pgbackrest"),
    )
    most = max(sizes.files(cluster, process.pool) for process in processes(cluster, pooling_hosts(cluster)[0]))
    return rendered(
        "pgbouncer/pgbouncer@.service.j2",
        cluster=cluster.name,
        pools=POOLS,
        run=RUN_DIRECTORY,
        started=STARTED,
        unit=UNIT_PATH,
        files=most,
        closed=list(dict.fromkeys(closed)),
        sandbox=sandbox.PGBOUNCER,
    )


def _packages(cluster: Cluster, node: Node) -> tuple[str, ...]:
    # Members have psql of PostgreSQL's own version.
    client = () if "postgres" in node.roles else ("postgresql-client",)
    # ss, which tells by the unit that what listens on a pool's port is one of its processes.
    return (PACKAGE, *client, "iproute2") if is_wanted(cluster, node) else ()


def _listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    ports = {f"pgbouncer_{process.pool}_port": process.port for process in processes(cluster, node)}
    return tuple(Listener(setting, port, f"{unit_of('*')}.service", ("*", "::")) for setting, port in ports.items())


def _admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    offered = tuple(dict.fromkeys(process.port for process in processes(cluster, node)))
    if not offered:
        return ()
    return (
        Admission(CLIENTS, client_networks(cluster.settings), offered),
        # A run ends with a member that tries every endpoint, as a client does.
        *(Admission(one.name, comes_from(one, "client"), offered) for one in cluster.members if one is not node),
    )


def _files_on(cluster: Cluster, node: Node, secrets: Mapping[str, Any]) -> Component:
    return pgbouncer_component(cluster, node, secrets[PASSWORD])


_OWNED = (
    *(UNIT_PATH, HOLD_UNIT_PATH, HOLD_PROGRAMS),
    *(POOLS, CLIENTS_FILE, LOGINS_FILE, POOLS_ANSWER, ROLE_CHANGED),
)

# It stays with the hosts that might have it when it is not wanted there any more, so that a run removes it.
COMPONENT = ComponentType(
    name="pgbouncer",
    on=lambda cluster, node: bool(ROLES & node.roles),
    wanted=is_wanted,
    packages=_packages,
    held=(PACKAGE,),
    debian_units={PACKAGE: DEBIAN_UNIT},
    undisturbed=("pgbouncer",),
    files=_files_on,
    secrets=lambda cluster, node: (PASSWORD,) if is_wanted(cluster, node) else (),
    service=f"{unit_of('write')}.service",
    phase="clients",
    units=lambda cluster, node: tuple(process.unit for process in processes(cluster, node)),
    former_units=tuple(map(unit_of, PROCESS_NAMES)),
    certificates=lambda cluster, node: (PLACE,) if is_wanted(cluster, node) else (),
    listens=_listeners,
    admits=_admitted,
    mark=UNIT_PATH,
    owns=lambda cluster, node: (*_OWNED, PLACE.directory),
)
