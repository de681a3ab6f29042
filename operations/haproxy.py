"""HAProxy: the ports that lead clients to the primary, to replicas, or to any member."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.haproxy import CONFIGURATION, haproxy_component
from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from facts.host import HostComponent
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again
from operations.util.said import said


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


@operation()
def follow(cluster: Cluster, stats_password: Secret) -> Commands:
    """
    Let a HAProxy that runs already follow what has just been configured: how many connections a member takes. A host
    that has none yet gets it from a build.

    + cluster, stats_password: as ``service`` has them
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
        return
    component = haproxy_component(cluster, node, stats_password)
    seen = said(HostComponent, **component.question)
    if seen["paths"][CONFIGURATION] is None:
        host.noop("deploys/cluster.py installs HAProxy here")
        return
    yield from apply_component(component, seen)
