"""How a standby cluster is fed: Patroni's section for it, and the way to its source's archive."""

from __future__ import annotations

from typing import Any

from cluster.declared.model import Cluster
from cluster.pki.certificates import POSTGRES

# pgBackRest with the configuration of the source's repository, with an end to everything.
SOURCE_BOUNDED = "/usr/local/bin/pgbackrest-source"
SOURCE_RESTORE = f'{SOURCE_BOUNDED} get "%f" "%p"'
# Patroni's name for the way to a copy that reads the source's backups.
METHOD = "source"
# What a standby cluster trusts: its own members are verified by its own CA, its source's by theirs.
TRUST = f"{POSTGRES.directory}/upstream.crt"


def standby_section(cluster: Cluster) -> dict[str, Any]:
    """
    Patroni's ``standby_cluster`` in the dynamic configuration; nothing for a cluster that is no standby.
    https://patroni.readthedocs.io/en/latest/standby_cluster.html

    No slot at the source: one that nobody reads fills its disk, and one that has lost its WAL stops the stream for
    good. What the source no longer has comes from its archive, after which PostgreSQL streams again by itself.
    """
    source = cluster.source
    if source is None:
        return {}
    streams = cluster.settings.patroni_standby_streams
    archive = source.repository is not None
    methods = [*([METHOD] if archive else []), *(["basebackup"] if streams else [])]
    return {
        "standby_cluster": {
            "host": ",".join(str(node.address) for node in source.members) if streams else None,
            "port": source.settings.postgres_port if streams else None,
            "restore_command": SOURCE_RESTORE if archive else None,
            "create_replica_methods": methods,
        }
    }


def source_method(cluster: Cluster) -> dict[str, Any]:
    """The way to a copy from the source's backups, for a member's own file; nothing where there is none."""
    if cluster.source is None or cluster.source.repository is None:
        return {}
    options: dict[str, Any] = {"command": f"{SOURCE_BOUNDED} clone", "keep_data": True}
    # Without it Patroni takes only ways that ask a member.
    return {METHOD: options if cluster.settings.patroni_standby_streams else {**options, "no_leader": True}}


def trusted(cluster: Cluster) -> str:
    """The file by which a member verifies whom it gets its WAL from."""
    return POSTGRES.authority if cluster.source is None else TRUST
