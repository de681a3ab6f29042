"""What all members share and etcd keeps: how the leader is found, PostgreSQL's parameters, and pg_hba."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cluster.ciphers import OPENSSL
from cluster.components.patroni_logs.component import log_parameters
from cluster.components.pg_hba import hba_lines
from cluster.components.pgbackrest import ARCHIVE_COMMAND, RESTORE_COMMAND
from cluster.components.standby_cluster import standby_section
from cluster.declared.model import Cluster
from cluster.declared.owned_parameters import archives
from cluster.declared.tuning import Resources, derived_parameters, smallest
from cluster.measures import MIB, version_of
from cluster.observed.host import SeenResources
from cluster.parameters.catalogue import catalogue
from cluster.parameters.owned import absent_names
from cluster.parameters.values import normal
from cluster.pki.certificates import POSTGRES

# From 4.0.7 on Patroni handles etcd's errors in failsafe mode soundly (its release notes, and its issue 3403).
FAILSAFE_SOUND_FROM = (4, 0, 7)

SYNCHRONOUS = ("synchronous_mode", "synchronous_mode_strict", "synchronous_node_count")


def configuration_for(cluster: Cluster, members: Collection[SeenResources]) -> dict[str, Any]:
    """The declared dynamic configuration, derived from what the members have now. + members: ``MemberResources``"""
    resources = [Resources(one["memory_mib"], one["cores"], one["disk_mib"]) for one in members]
    return dynamic_configuration(cluster, resources, min(version_of(one["patroni"]) for one in members))


def dynamic_configuration(
    cluster: Cluster, members: Iterable[Resources], patroni_version: tuple[int, ...]
) -> dict[str, Any]:
    """
    What all members share. https://patroni.readthedocs.io/en/latest/dynamic_configuration.html

    + members: what each has, for the derived settings
    + patroni_version: the oldest one running
    """
    settings = cluster.settings
    failsafe = settings.patroni_failsafe
    return {
        "ttl": settings.patroni_ttl,
        "loop_wait": settings.patroni_loop_wait,
        "retry_timeout": settings.patroni_retry_timeout,
        "maximum_lag_on_failover": settings.patroni_maximum_lag_mib * MIB,
        "check_timeline": True,
        "primary_start_timeout": settings.patroni_primary_start_seconds,
        "failsafe_mode": patroni_version >= FAILSAFE_SOUND_FROM if failsafe is None else failsafe,
        **synchronous_configuration(cluster),
        **_ignored_slots(cluster),
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            "parameters": parameters(cluster, members),
            "pg_hba": hba_lines(cluster),
            **({"recovery_conf": {"restore_command": RESTORE_COMMAND}} if cluster.repository else {}),
        },
        **standby_section(cluster),
    }


def _ignored_slots(cluster: Cluster) -> dict[str, Any]:
    """What nobody declares stays as it is: slots may depend on it. An empty list takes the key away."""
    declared = cluster.settings.patroni_ignore_slots
    return {} if declared is None else {"ignore_slots": declared or None}


def synchronous_configuration(cluster: Cluster) -> dict[str, Any]:
    """For how many standbys a commit waits, and for which; None takes a key away."""
    settings = cluster.settings
    if settings.patroni_synchronous_mode == "off":
        return dict.fromkeys(SYNCHRONOUS)
    mode = True if settings.patroni_synchronous_mode == "on" else settings.patroni_synchronous_mode
    values = (mode, settings.patroni_synchronous_mode_strict, settings.patroni_synchronous_node_count)
    return dict(zip(SYNCHRONOUS, values, strict=True))


def parameters(cluster: Cluster, members: Iterable[Resources]) -> dict[str, Any]:
    """PostgreSQL's parameters: fixed for safety, derived from the hosts, overridden by the user, in this order."""
    least = smallest(members)
    declared_memory = cluster.settings.postgres_memory_mib
    resources = Resources(declared_memory or least.memory_mib, least.cores, least.disk_mib)
    declared = _as_patroni(cluster.settings.postgres_parameters, cluster.settings.postgres_version)
    connections = declared.get("max_connections")
    derived = derived_parameters(resources, *([connections] if isinstance(connections, int) else []))
    # Somebody may have written there by hand what must not be there.
    logs = log_parameters(cluster.settings)
    absent = dict.fromkeys(absent_names(archives=archives(cluster)))
    return {**derived, **fixed_parameters(), **logs, **absent, **_archiving(cluster), **declared}


def fixed_parameters() -> dict[str, Any]:
    """What safety and this tool's promises rest on."""
    return {
        "ssl": "on",
        "ssl_ca_file": POSTGRES.authority,
        "ssl_cert_file": POSTGRES.certificate,
        "ssl_key_file": POSTGRES.key,
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_ciphers": OPENSSL,
        "password_encryption": "scram-sha-256",
        # Loaded from the start: to add it later takes a restart, and everybody wants it one day.
        "shared_preload_libraries": "pg_stat_statements",
        "wal_level": "replica",
        "wal_log_hints": "on",
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        # A standby asks a primary that was away for WAL again after this, and until then nobody follows it.
        "wal_retrieve_retry_interval": "1s",
        "max_prepared_transactions": 0,
        "max_locks_per_transaction": 64,
        "superuser_reserved_connections": 5,
        "random_page_cost": 1.1,
        "wal_compression": "lz4",
        "tcp_keepalives_idle": 60,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 6,
        # Keepalives are not sent while data are under way. Milliseconds; as long as the keepalives take.
        "tcp_user_timeout": 120_000,
    }


def _archiving(cluster: Cluster) -> dict[str, Any]:
    """From the first start on: archive_mode takes a restart, and nothing restores what was written before it was on."""
    if cluster.repository is None:
        return {}
    return {
        "archive_mode": "on",
        "archive_command": ARCHIVE_COMMAND,
        "archive_timeout": cluster.settings.pgbackrest_archive_seconds,
    }


def _as_patroni(declared: Mapping[str, Any], version: int) -> dict[str, Any]:
    """As Patroni takes it, too: of the truths that PostgreSQL knows it drops those that are cut short."""
    return {name: value if value is None else _plain(value, name, version) for name, value in declared.items()}


def _plain(value: Any, name: str, version: int) -> Any:
    if isinstance(value, bool):
        return "on" if value else "off"
    known = catalogue(version).get(name)
    return normal(value, "bool") if known is not None and known["type"] == "bool" else value
