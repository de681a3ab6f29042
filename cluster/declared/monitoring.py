"""Who comes to the services of a cluster to measure them: one role, and one user of the hosts."""

from __future__ import annotations

from cluster.declared.model import Cluster

# PostgreSQL and PgBouncer let in by peer, and that asks for the name that the host's user has: Debian's exporters run
# as this one.
ROLE = "prometheus"
# postgres_exporter keeps one connection, and from 0.12 on opens one more for each scrape: two scrapers are served.
CONNECTIONS = 3
# By which the role is known as ours, and no user's.
COMMENT = "Made by pyinfra-patroni for its exporters."


def is_measured(cluster: Cluster) -> bool:
    """Whether an exporter asks the data of a cluster: its own, or one of a standby cluster."""
    return any(one.settings.monitoring for one in (cluster, *cluster.standbys))
