"""Every port that the cluster opens on a host, and on which addresses: nothing else of ours may answer there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.components.haproxy import binds, service_ports
from cluster.components.patroni_unit import SERVICE as PATRONI_UNIT
from cluster.components.pgbackrest import SERVER as PGBACKREST
from cluster.components.pgbackrest_server import clients
from cluster.declared.model import Cluster, Node

ETCD_UNIT, HAPROXY_UNIT, PGBACKREST_UNIT = "etcd.service", "haproxy.service", f"{PGBACKREST}.service"


@dataclass(frozen=True)
class Listener:
    """
    One port of one service.

    + setting: that gives the port
    + unit: of systemd, to which the listening process belongs
    + addresses: on which it listens; ``*`` and ``::`` are all of a family
    """

    setting: str
    port: int
    unit: str
    addresses: tuple[str, ...]


def listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    """What listens on a host for its roles."""
    return tuple(_listeners(cluster, node))


def _listeners(cluster: Cluster, node: Node) -> Iterator[Listener]:
    settings, own, loopback = cluster.settings, str(node.address), node.address.loopback
    if "postgres" in node.roles:
        addresses = tuple(settings.postgres_listen or (own, loopback))
        yield Listener("postgres_port", settings.postgres_port, PATRONI_UNIT, addresses)
        yield Listener("patroni_rest_port", settings.patroni_rest_port, PATRONI_UNIT, (own,))
    if "etcd" in node.roles:
        yield Listener("etcd_client_port", settings.etcd_client_port, ETCD_UNIT, (own, loopback))
        yield Listener("etcd_peer_port", settings.etcd_peer_port, ETCD_UNIT, (own,))
    if "haproxy" in node.roles:
        bound = tuple(bind.address.strip("[]") for bind in binds(cluster, node))
        for setting, port in service_ports(cluster).items():
            yield Listener(setting, port, HAPROXY_UNIT, bound)
    if cluster.uses_pgbackrest(node) and clients(cluster, node):
        yield Listener("pgbackrest_port", settings.pgbackrest_port, PGBACKREST_UNIT, (own,))
