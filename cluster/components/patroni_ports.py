"""The ports of a member: which are open, which of others it needs, and who else comes to them."""

from __future__ import annotations

from cluster.components.component_type import Admission, Listener, Reach
from cluster.components.patroni_unit import SERVICE
from cluster.declared.client_networks import client_networks
from cluster.declared.model import Cluster, Node

CLIENTS, MONITORING = "clients", "monitoring"


def listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    """PostgreSQL's port and Patroni's, with the addresses on which they are open."""
    settings, own = cluster.settings, str(node.address)
    addresses = tuple(settings.postgres_listen or (own, node.address.loopback))
    return (
        Listener("postgres_port", settings.postgres_port, SERVICE, addresses),
        Listener("patroni_rest_port", settings.patroni_rest_port, SERVICE, (own,)),
    )


def reached(cluster: Cluster, node: Node) -> tuple[Reach, ...]:
    """The other members, and etcd."""
    settings = cluster.settings
    members = Reach(cluster.members, (settings.postgres_port, settings.patroni_rest_port))
    return members, Reach(cluster.etcd, (settings.etcd_client_port,))


def admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    """Clients, who looks after the cluster, and members of standby clusters, which stream from here."""
    settings = cluster.settings
    database = (settings.postgres_port,)
    return (
        Admission(CLIENTS, client_networks(settings), database),
        Admission(MONITORING, tuple(settings.firewall_monitoring_networks), (settings.patroni_rest_port,)),
        *(Admission(one.name, (one.address.hba,), database) for one in cluster.followers),
    )
