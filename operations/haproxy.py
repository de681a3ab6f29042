"""HAProxy: the ports that lead clients to the primary, to replicas, or to any member."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.haproxy import haproxy_component
from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def service(cluster: Cluster, stats_password: Secret) -> Commands:
    """
    Run HAProxy with the cluster's members behind its ports. A changed file is loaded without dropping a connection; one
    that HAProxy would not accept never takes the old one's place.

    + cluster: as declared; hosts without the role haproxy are left alone
    + stats_password: of the statistics page and of /metrics
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
        return
    yield from apply_component(haproxy_component(cluster, node, stats_password))
