"""PgBouncer on the hosts of HAProxy, or on the members."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.declared.pgbouncer import pooling_hosts
from cluster.secrets.secrets import Secret
from operations import pgbouncer


@deploy("Connection pools")
def deploy_pgbouncer(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Bring the declared pools up, or let them load what changed. Every host calls it, so that nothing later overtakes it.
    Needs the roles in PostgreSQL, and HAProxy where that is in front of it.

    + cluster: as declared
    + secrets: all of the cluster's, by name
    """
    if not pooling_hosts(cluster):
        return
    pgbouncer.service(name="Configure and start PgBouncer", cluster=cluster, password=secrets["PGBOUNCER_PASSWORD"])


@deploy("Connection pools")
def deploy_pgbouncer_limits(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Let the pools follow a changed configuration, on the hosts that have them.

    + cluster: as declared; + secrets: all of the cluster's, by name
    """
    password = secrets["PGBOUNCER_PASSWORD"]
    pgbouncer.follow(name="Follow max_connections and pg_hba", cluster=cluster, password=password)
