"""pg_hba in order: what the cluster needs, nobody else under the machine roles' names, then what the user declares."""

from __future__ import annotations

from cluster.model import Cluster


def hba_lines(cluster: Cluster) -> list[str]:
    """
    All lines, TLS and scram only. The first that fits decides, so the order is part of the meaning.
    https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
    """
    return [
        "local all postgres peer",
        # Patroni reads the timeline of its own standby over a local replication connection; without this line a
        # switchover is refused because the timeline is unknown.
        "local replication replicator scram-sha-256",
        "local all all scram-sha-256",
        *_members(cluster),
        "hostssl all postgres,replicator,rewind all reject",
        "hostssl replication all all reject",
        "hostssl all all 127.0.0.1/32 scram-sha-256",
        "hostssl all all ::1/128 scram-sha-256",
        *(f"hostssl all all {node.address.hba} scram-sha-256" for node in cluster.balancers),
        *cluster.settings.postgres_hba,
    ]


def _members(cluster: Cluster) -> list[str]:
    return [
        line
        for node in (*cluster.members, *cluster.followers)
        for line in (
            f"hostssl replication replicator {node.address.hba} scram-sha-256",
            f"hostssl postgres rewind {node.address.hba} scram-sha-256",
        )
    ]
