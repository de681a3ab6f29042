"""pg_hba in order: what the cluster needs, nobody else under the machine roles' names, then what the user declares."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cluster.declared.model import Cluster, Node
from cluster.declared.monitoring import ROLE as MEASURING
from cluster.declared.pgbouncer import AUTH_ROLE, pooling_hosts

# Of the cluster's own roles: a password is not enough, and nor is the address, for through HAProxy on a member
# everybody comes from a member's.
_PROOF = "scram-sha-256 clientcert=verify-full"
_PASSWORD = "scram-sha-256"


def hba_lines(cluster: Cluster, by_password: Collection[Node] = ()) -> list[str]:
    """
    All lines, TLS and scram only. The first that fits decides, so the order is part of the meaning.
    https://www.postgresql.org/docs/current/auth-pg-hba-conf.html

    + by_password: members that have no certificate for it yet, and are let in without
    """
    return [
        "local all postgres peer",
        # Patroni reads the timeline of its own standby over a local replication connection; without this line a
        # switchover is refused because the timeline is unknown.
        "local replication replicator scram-sha-256",
        *_measures(cluster),
        "local all all scram-sha-256",
        *(line for node in _let_in(cluster) for line in _member(node, _PASSWORD if node in by_password else _PROOF)),
        "hostssl all postgres,replicator,rewind all reject",
        "hostssl replication all all reject",
        *_lookups(cluster),
        "hostssl all all 127.0.0.1/32 scram-sha-256",
        "hostssl all all ::1/128 scram-sha-256",
        *(f"hostssl all all {node.address.hba} scram-sha-256" for node in cluster.balancers),
        *cluster.settings.postgres_hba,
    ]


def _measures(cluster: Cluster) -> list[str]:
    """The exporter's role: from the host itself, as the exporter's own user, and from nowhere else."""
    if not cluster.settings.monitoring:
        return []
    return [f"local postgres {MEASURING} peer", f"local all {MEASURING} reject", f"hostssl all {MEASURING} all reject"]


def _lookups(cluster: Cluster) -> list[str]:
    """PgBouncer's own role: from where it connects, to look up roles and nothing else."""
    if not pooling_hosts(cluster):
        return []
    places = ["127.0.0.1/32", "::1/128"] if cluster.settings.pgbouncer_on == "members" else []
    places += [node.address.hba for node in cluster.balancers if cluster.settings.pgbouncer_on == "haproxy"]
    return [
        *(f"hostssl postgres {AUTH_ROLE} {place} {_PASSWORD}" for place in places),
        f"hostssl all {AUTH_ROLE} all reject",
    ]


def let_in_by_password(cluster: Cluster, lines: Iterable[str]) -> list[Node]:
    """Members, and those of standby clusters, whom pg_hba lets in without a certificate. + lines: as they are now"""
    now = set(lines)
    return [node for node in _let_in(cluster) if now.issuperset(_member(node, _PASSWORD))]


def _let_in(cluster: Cluster) -> tuple[Node, ...]:
    return (*cluster.members, *cluster.followers)


def _member(node: Node, method: str) -> tuple[str, str]:
    return (
        f"hostssl replication replicator {node.address.hba} {method}",
        f"hostssl postgres rewind {node.address.hba} {method}",
    )
