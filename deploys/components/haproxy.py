"""HAProxy on the hosts of the group haproxy."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from operations.haproxy import follow, service


@deploy("HAProxy")
def deploy_haproxy(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Bring HAProxy up, or let it load what changed. Every host calls it, so that nothing later overtakes it. Needs the
    packages and the certificates.

    + cluster: as declared
    + secrets: all of the cluster's, by name
    """
    service(name="Configure and start HAProxy", cluster=cluster, stats_password=secrets["HAPROXY_STATS_PASSWORD"])


@deploy("HAProxy")
def deploy_haproxy_limits(cluster: Cluster, secrets: Mapping[str, Secret]) -> None:
    """
    Let it follow a changed configuration, on the hosts that have it.

    + cluster: as declared; + secrets: all of the cluster's, by name
    """
    follow(name="Follow max_connections", cluster=cluster, stats_password=secrets["HAPROXY_STATS_PASSWORD"])
