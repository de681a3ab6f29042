"""Endpoints for clients: HAProxy's hosts, or the members without HAProxy, and their ports on the control machine."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Pool, pool_port, pools
from cluster.declared.vip import ON_MEMBERS, Use, VirtualAddress, virtual_addresses

Endpoint = tuple[str, int]  # host, port


def write_endpoints(cluster: Cluster) -> tuple[tuple[Node, ...], int]:
    """The nodes that take writers, or lead them on, and their port."""
    if cluster.balancers:
        return cluster.balancers, cluster.settings.haproxy_primary_port
    return cluster.members, cluster.settings.postgres_port


def read_endpoints(cluster: Cluster) -> tuple[tuple[Node, ...], int]:
    """The same for readers. No node where the replicas' port leads nowhere."""
    if not cluster.balancers:
        return cluster.members, cluster.settings.postgres_port
    alone = len(cluster.members) == 1 and cluster.source is None
    leads_on = not alone or cluster.settings.haproxy_replicas_fallback == "primary"
    return cluster.balancers if leads_on else (), cluster.settings.haproxy_replicas_port


def virtual_endpoints(cluster: Cluster) -> list[tuple[VirtualAddress, int]]:
    """
    Where a virtual address leads to what it is for: HAProxy's port, or PostgreSQL's own. Without those for writers in a
    standby cluster, which takes none.
    """
    settings = cluster.settings
    ports: dict[Use, int] = {"write": settings.haproxy_primary_port, "read": settings.haproxy_replicas_port}
    if settings.vip_mode in ON_MEMBERS:
        ports = dict.fromkeys(ports, settings.postgres_port)
    listed = virtual_addresses(cluster)
    return [(one, ports[one.use]) for one in listed if one.use == "read" or cluster.source is None]


def pooled_endpoints(cluster: Cluster) -> list[tuple[Pool, int]]:
    """The pools of PgBouncer that lead somewhere, with their ports. A standby cluster takes no writers."""
    offered = ((pool, pool_port(cluster, pool)) for pool in pools(cluster))
    return [(pool, port) for pool, port in offered if pool == "read" or cluster.source is None]


def pooled_addresses(cluster: Cluster) -> list[tuple[VirtualAddress, Pool, int]]:
    """The same at virtual addresses, each for what it is for; the host with an address has the pools as well."""
    settings = cluster.settings
    if settings.pgbouncer_on != ("haproxy" if settings.vip_mode == "haproxy" else "members"):
        return []
    listed, offered = virtual_addresses(cluster), pooled_endpoints(cluster)
    return [(one, pool, port) for one in listed for pool, port in offered if (one.use == "read") == (pool == "read")]


def client_endpoints(cluster: Cluster) -> tuple[tuple[Node, ...], int]:
    """Where clients come in: as writers, or in a standby cluster, which takes none, as readers."""
    return write_endpoints(cluster) if cluster.source is None else read_endpoints(cluster)


def published_endpoints(nodes: Iterable[Node], port: int) -> list[Endpoint]:
    """Those behind published ports, as containers are: the control machine reaches them on its loopback only."""
    published = (node.settings.cluster_published_ports.get(port) for node in nodes)
    return [("127.0.0.1", number) for number in published if number is not None]


def endpoints_from_here(nodes: Iterable[Node], port: int) -> list[Endpoint]:
    """How the control machine gets to these nodes' port."""
    listed = list(nodes)
    return published_endpoints(listed, port) or [(str(node.client_address), port) for node in listed]
