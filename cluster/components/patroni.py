"""Patroni's configuration: what every member shares (kept in etcd) and what each member's own file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from cluster.ciphers import OPENSSL
from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, role
from cluster.components.files import Directory, File
from cluster.components.patroni_logs.component import DIRECTORY as LOG_DIRECTORY
from cluster.components.patroni_unit import (
    DROP_IN,
    END_COPIES,
    MAY_START,
    SERVICE,
    UNIT,
    admitted,
    listeners,
    reached,
    reload_command,
    unit_files,
)
from cluster.components.pgbackrest import CLONE_COMMAND
from cluster.components.pgbouncer.roles import callbacks
from cluster.components.standby_cluster import source_method, trusted
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import listened
from cluster.pki.certificates import MEMBERSHIP, PATRONI, PATRONI_ETCD, POSTGRES, membership
from cluster.tags import RIVALS

CONFIG = "/etc/patroni/config.yml"
# Patroni writes it for its own connections.
PASSWORD_FILE = "/var/lib/postgresql/.pgpass_patroni"

# Of a member that has no data yet: it may not lead, gets no clients, and no commit waits for it.
# https://patroni.readthedocs.io/en/latest/yaml_configuration.html#tags
JOINING = {"nofailover": True, "noloadbalance": True, "nosync": True}

SUPERUSER, REPLICATION_USER, REWIND_USER = "postgres", "replicator", "rewind"


def patroni_component(
    cluster: Cluster, node: Node, secrets: Mapping[str, str], bootstrap: Any = None, *, joins: bool = False
) -> Component:
    """
    Patroni's files and unit on one member.

    + bootstrap: the dynamic configuration to begin the cluster with, on the one member that does, until it has
    + joins: it is about to get its data from a cluster that runs, and nobody shall rely on it yet
    """
    configuration = member_configuration(cluster, node, secrets, bootstrap)
    if joins:
        configuration["tags"] = joining_tags(node)
    text = "# Managed by pyinfra-patroni.\n" + as_yaml(configuration)
    config = File(CONFIG, text, "postgres", "postgres", "600")
    loads = (CONFIG, DROP_IN, *(path for place in (PATRONI, POSTGRES) for path in (place.certificate, place.authority)))
    return Component(
        directories=(
            *_data_directories(cluster),
            Directory("/etc/patroni"),
            Directory("/etc/systemd/system/patroni.service.d"),
            Directory(LOG_DIRECTORY, "root", "postgres", "1775"),
        ),
        files=(config, *unit_files(cluster)),
        units=(Unit(UNIT, loads, load=reload_command(cluster)),),
    )


def server_packages(cluster: Cluster) -> tuple[str, ...]:
    """PostgreSQL's server and client, of the declared version."""
    return tuple(f"postgresql-{part}{cluster.settings.postgres_version}" for part in ("", "client-"))


def config_of(component: Component) -> File:
    """Patroni's own file in its component."""
    return next(file for file in component.files if file.path == CONFIG)


def _data_directories(cluster: Cluster) -> tuple[Directory, ...]:
    """
    The data directory, empty until Patroni fills it. Patroni moves a broken one aside and makes it anew, which takes
    the right to write beside it: below PostgreSQL's home we give it, elsewhere the directory above is the user's.
    """
    path = PurePosixPath(cluster.data_directory)
    data = Directory(str(path), "postgres", "postgres", "700")
    above = Directory(str(path.parent), "postgres", "postgres", "755")
    return (above, data) if path.is_relative_to("/var/lib/postgresql") else (data,)


def as_yaml(values: Any) -> str:
    """A dict as YAML in the order in which it was made."""
    return yaml.safe_dump(values, sort_keys=False, default_flow_style=False, width=110)


def member_configuration(cluster: Cluster, node: Node, secrets: Mapping[str, str], bootstrap: Any) -> dict[str, Any]:
    """One member's own file. https://patroni.readthedocs.io/en/latest/yaml_configuration.html"""
    settings = cluster.settings
    rest = node.address.endpoint(settings.patroni_rest_port)
    return {
        "scope": cluster.name,
        "namespace": settings.patroni_namespace,
        "name": node.name,
        "log": {"level": "INFO", "format": "%(levelname)s: %(message)s"},
        "etcd3": _etcd(cluster),
        "restapi": {
            "listen": rest,
            "connect_address": rest,
            "certfile": PATRONI.certificate,
            "keyfile": PATRONI.key,
            "cafile": PATRONI.authority,
            # Checks need no certificate; whatever changes something needs one of our CA, and the password.
            "verify_client": "optional",
            "ciphers": OPENSSL,
            "allowlist": [str(member.address) for member in cluster.members],
            "authentication": {"username": "patroni", "password": secrets["PATRONI_RESTAPI_PASSWORD"]},
        },
        "ctl": {"cacert": PATRONI.authority, "certfile": PATRONI.certificate, "keyfile": PATRONI.key},
        **({"bootstrap": _bootstrap(cluster, bootstrap)} if bootstrap is not None else {}),
        "postgresql": _postgresql(cluster, node, secrets),
        "watchdog": {"mode": settings.patroni_watchdog, "device": "/dev/watchdog"},
        "tags": tags_of(node),
    }


def tags_of(node: Node) -> dict[str, Any]:
    """A member's tags. Others may get their data from each, unless it is declared otherwise."""
    return {"clonefrom": True, **node.settings.patroni_tags}


def joining_tags(node: Node) -> dict[str, Any]:
    """Those of a member on its way to its data; a priority would contradict them."""
    priorities = {priority for _, priority in RIVALS}
    return {name: value for name, value in tags_of(node).items() if name not in priorities} | JOINING


def _etcd(cluster: Cluster) -> dict[str, Any]:
    port = cluster.settings.etcd_client_port
    return {
        "hosts": [node.address.endpoint(port) for node in cluster.etcd],
        "protocol": "https",
        "cacert": PATRONI_ETCD.authority,
        "cert": PATRONI_ETCD.certificate,
        "key": PATRONI_ETCD.key,
    }


def _bootstrap(cluster: Cluster, dynamic: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dcs": dict(dynamic),
        "initdb": [
            {"encoding": "UTF8"},
            {"locale": cluster.settings.postgres_locale},
            "data-checksums",
            {"auth-local": "peer"},
            {"auth-host": "scram-sha-256"},
        ],
    }


def _postgresql(cluster: Cluster, node: Node, secrets: Mapping[str, str]) -> dict[str, Any]:
    settings = cluster.settings
    listen = listened(cluster, node)
    return {
        "listen": f"{','.join(listen)}:{settings.postgres_port}",
        "connect_address": node.address.endpoint(settings.postgres_port),
        "use_unix_socket": True,
        "use_unix_socket_repl": True,
        "data_dir": cluster.data_directory,
        "bin_dir": cluster.bin_directory,
        "pgpass": PASSWORD_FILE,
        "authentication": {
            "superuser": _login(cluster, SUPERUSER, secrets["PATRONI_SUPERUSER_PASSWORD"]),
            "replication": _login(cluster, REPLICATION_USER, secrets["PATRONI_REPLICATION_PASSWORD"]),
            "rewind": _login(cluster, REWIND_USER, secrets["PATRONI_REWIND_PASSWORD"]),
        },
        "parameters": {"unix_socket_directories": "/var/run/postgresql"},
        **_replica_methods(cluster),
        **callbacks(cluster),
        # A former primary that cannot be rewound is cloned anew; what it had beyond the new timeline was never
        # acknowledged as replicated and is gone either way.
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
    }


def _replica_methods(cluster: Cluster) -> dict[str, Any]:
    """How a replica gets its data: from the backups, which costs the primary nothing, else as a copy of the primary."""
    copied = {"basebackup": [{"checkpoint": "fast"}]}
    if cluster.repository is None:
        return {"create_replica_methods": ["basebackup"], **copied, **source_method(cluster)}
    # What is there already is compared and not copied again.
    restored = {"command": CLONE_COMMAND, "keep_data": True}
    return {"create_replica_methods": ["pgbackrest", "basebackup"], "pgbackrest": restored, **copied}


def _login(cluster: Cluster, user: str, password: str) -> dict[str, str]:
    own = next((place for place in MEMBERSHIP if place.role == user), None)
    # str(): a masked string is not a plain one to YAML.
    return {
        "username": user,
        "password": str(password),
        "sslmode": "verify-full",
        "sslrootcert": trusted(cluster),
        **({} if own is None else {"sslcert": own.certificate, "sslkey": own.key}),
    }


COMPONENT = ComponentType(
    name="patroni",
    on=role("postgres"),
    # Patroni reaches etcd through python3-etcd, which its package does not insist on.
    packages=lambda cluster, node: (
        *server_packages(cluster),
        *("patroni", "python3-etcd", "python3-psycopg2", "ca-certificates"),
    ),
    held=("postgresql-", "patroni"),
    debian_units={"patroni": UNIT},
    undisturbed=("patroni", "postgresql"),
    files=patroni_component,
    secrets=lambda cluster, node: tuple(
        f"PATRONI_{word}_PASSWORD" for word in ("SUPERUSER", "REPLICATION", "REWIND", "RESTAPI")
    ),
    service=SERVICE,
    phase="members",
    units=lambda cluster, node: (UNIT,),
    certificates=lambda cluster, node: (PATRONI_ETCD, PATRONI, POSTGRES, *membership(cluster)),
    listens=listeners,
    reaches=reached,
    admits=admitted,
    tls={"patroni_rest_port": (PATRONI,)},
    owns=lambda cluster, node: (
        *(CONFIG, PASSWORD_FILE, MAY_START, END_COPIES, DROP_IN),
        *(PATRONI_ETCD.directory, PATRONI.directory, POSTGRES.directory),
    ),
    shells=(str(PurePosixPath(DROP_IN).parent),),
)
