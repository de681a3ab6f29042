"""How many connections HAProxy takes and makes, so that clients wait for a member instead of being refused by it."""

from __future__ import annotations

from cluster.components.patroni_dynamic import fixed_parameters
from cluster.declared.model import Cluster
from cluster.declared.tuning import MAX_CONNECTIONS
from cluster.parameters.catalogue import catalogue
from cluster.parameters.values import CONTROLLED, normal

# Patroni, pgBackRest and the runs come as superuser, past HAProxy. They get a place in any case, but it is one of those
# that everybody else would have had: PostgreSQL counts all when it keeps the reserved ones free.
OWN_CONNECTIONS = 5

# For each client that can be connected another one may wait. Not without limit: HAProxy needs two files for each, and
# does not start, nor reload, where its host gives it fewer; containers may give as few as 20000.
WAITING = 2

DIVIDED = "divided"


def usable_connections(cluster: Cluster) -> int:
    """What a member has for its clients: without the reserved connections, and those of the cluster itself."""
    reserved = parameter(cluster, "superuser_reserved_connections") + parameter(cluster, "reserved_connections")
    return parameter(cluster, "max_connections") - reserved - OWN_CONNECTIONS


def parameter(cluster: Cluster, name: str) -> int:
    """A whole number of PostgreSQL's configuration as declared; a ValueError where it is none."""
    given = {"max_connections": MAX_CONNECTIONS, **fixed_parameters(), **cluster.settings.postgres_parameters}
    known = catalogue(cluster.settings.postgres_version).get(name)
    if known is None:  # reserved_connections came with PostgreSQL 16
        return 0
    otherwise = CONTROLLED[name][0] if name in CONTROLLED else known["setting"]
    declared = given.get(name)
    return int(normal(otherwise if declared is None else declared, "integer"))


def server_connections(cluster: Cluster) -> int:
    """How many connections one HAProxy makes to one member for one of its ports; further clients wait."""
    return usable_connections(cluster) // sharers(cluster)


def sharers(cluster: Cluster) -> int:
    """Among how many a member's connections are divided: the ports that lead to it, on each HAProxy."""
    if cluster.settings.haproxy_member_share != DIVIDED:
        return 1
    # A member is behind the primary's port or the replicas', behind the one for any, and as a replica of a cluster with
    # a synchronous mode behind one of two more.
    ports = 2 if cluster.settings.patroni_synchronous_mode == "off" else 3
    return ports * max(1, len(cluster.balancers))


def port_connections(cluster: Cluster) -> int:
    """How many clients one port of an HAProxy takes, those included that wait."""
    declared = cluster.settings.haproxy_max_connections
    return WAITING * all_connections(cluster) if declared is None else declared


def all_connections(cluster: Cluster) -> int:
    """What all members together have for clients: no port ever has more of them connected."""
    return usable_connections(cluster) * len(cluster.members)
