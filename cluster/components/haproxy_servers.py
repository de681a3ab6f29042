"""Which servers stand behind a port of HAProxy, as it has them in its file: in which order, and with which weight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.declared.model import Cluster, Node

# Of the sections for writers; there is one primary, so nothing is to be preferred.
PRIMARY = "primary"


@dataclass(frozen=True)
class Service:
    """
    One port for clients.

    + name: of its section in haproxy.cfg and of its row on the statistics page
    + check: what Patroni is asked; it answers 200 on the members that fit. None: it is not asked
    + follows: sections that have the answers already; a member fits here while it does in one of them
    """

    name: str
    port: int
    check: str | None = None
    follows: tuple[str, ...] = ()


def services(cluster: Cluster) -> tuple[Service, ...]:
    """The ports for clients, each with the members that it leads to. What nobody declared a use for is closed."""
    settings = cluster.settings
    # In a standby cluster everybody is a standby, its leader too: a single member serves readers.
    readers, everybody = ("/read-only", ("replicas",)) if cluster.source else ("/replica", (PRIMARY, "replicas"))
    return (
        Service(PRIMARY, settings.haproxy_primary_port, "/primary"),
        Service("replicas", settings.haproxy_replicas_port, _within_lag(cluster, readers)),
        *_by_synchrony(cluster),
        Service("any", settings.haproxy_any_port, follows=everybody),
    )


def _by_synchrony(cluster: Cluster) -> tuple[Service, ...]:
    settings = cluster.settings
    if settings.patroni_synchronous_mode == "off":
        return ()
    # A standby of a quorum is none to /sync.
    check = "/quorum" if settings.patroni_synchronous_mode == "quorum" else "/sync"
    return (
        Service("synchronous", settings.haproxy_synchronous_port, _within_lag(cluster, check)),
        Service("asynchronous", settings.haproxy_asynchronous_port, _within_lag(cluster, "/async")),
    )


def _within_lag(cluster: Cluster, check: str) -> str:
    """
    A check that only members pass which have replayed nearly all. Patroni compares with the position that the leader
    last wrote to etcd, once in loop_wait. https://patroni.readthedocs.io/en/latest/rest_api.html
    """
    limit = cluster.settings.haproxy_replica_max_lag_mib
    return f"{check}?lag={limit}MB" if limit else check


@dataclass(frozen=True)
class Server:
    """One line of a section. + words: what follows the address, with a blank before each"""

    name: str
    endpoint: str
    words: str = ""


def server_name(node: Node) -> str:
    """A member's name as HAProxy takes it; it refuses a file with any other character in one."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "_", node.name)


def servers(cluster: Cluster, balancer: Node, service: Service) -> tuple[Server, ...]:
    """The servers of a section as one HAProxy has them. + balancer: whose zone decides who comes first"""
    return tuple(server for member in cluster.members for server in _of_member(cluster, balancer, service, member))


def _of_member(cluster: Cluster, balancer: Node, service: Service, member: Node) -> Iterator[Server]:
    name, endpoint = server_name(member), member.address.endpoint(cluster.settings.postgres_port)
    words = "" if service.name == PRIMARY else _preference(cluster, balancer, member)
    words += unanswered(cluster)
    if service.check is not None:
        yield Server(name, endpoint, words)
    for section in service.follows:
        yield Server(f"{name}-{section}", endpoint, f" no-check track {section}/{name}{words}")


def unanswered(cluster: Cluster) -> str:
    """
    When a connection is closed whose data nobody acknowledges, as every bind and server has to say for itself: HAProxy
    3.0.11 takes the word from a default-server line, and does nothing with it.
    """
    seconds = cluster.settings.haproxy_unanswered_seconds
    return f" tcp-ut {seconds}s" if seconds else ""


def _preference(cluster: Cluster, balancer: Node, member: Node) -> str:
    weight = f" weight {member.settings.haproxy_weight}"
    return weight if preferred(cluster, balancer, member) else f"{weight} backup"


def preferred(cluster: Cluster, balancer: Node, member: Node) -> bool:
    """Whether an HAProxy sends readers to a member as long as that is fit: its zone's, or all where it has nobody."""
    own = balancer.settings.haproxy_zone
    return own not in zones(cluster) or member.settings.haproxy_zone == own


def zones(cluster: Cluster) -> set[str]:
    """The zones that have members."""
    return {zone for member in cluster.members if (zone := member.settings.haproxy_zone) is not None}
