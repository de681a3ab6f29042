"""What HAProxy offers its clients: which port leads to which members, and what it asks Patroni about them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster.model import Cluster, Node

UNIT = "haproxy"
CONFIGURATION = "/etc/haproxy/haproxy.cfg"
DROP_IN_DIRECTORY = f"/etc/systemd/system/{UNIT}.service.d"
DROP_IN = f"{DROP_IN_DIRECTORY}/pyinfra-patroni.conf"


@dataclass(frozen=True)
class Service:
    """
    One port for clients.

    + name: of its section in haproxy.cfg and of its row on the statistics page
    + check: what Patroni is asked; it answers 200 on the members that fit
    """

    name: str
    port: int
    check: str


def services(cluster: Cluster) -> tuple[Service, ...]:
    """The ports for clients, each with the members that it leads to."""
    settings = cluster.settings
    # A standby of a quorum is none to /sync.
    synchronous = "/quorum" if settings.patroni_synchronous_mode == "quorum" else "/sync"
    return (
        Service("primary", settings.haproxy_primary_port, "/primary"),
        # In a standby cluster everybody is a standby, its leader too: a single member serves readers.
        Service("replicas", settings.haproxy_replicas_port, "/read-only" if cluster.source else "/replica"),
        Service("synchronous", settings.haproxy_synchronous_port, synchronous),
        Service("asynchronous", settings.haproxy_asynchronous_port, "/async"),
        Service("any", settings.haproxy_any_port, "/health"),
    )


def listens_on_ipv6(cluster: Cluster) -> bool:
    """
    Whether clients may come over IPv6: some host of the cluster has such an address. Without one HAProxy must not try,
    because it does not start where the kernel has no IPv6.
    """
    return any(node.address.ip.version == 6 for node in cluster)


def server_name(node: Node) -> str:
    """A member's name as HAProxy takes it; it refuses a file with any other character in one."""
    return re.sub(r"[^A-Za-z0-9_.:-]", "_", node.name)


def quoted(text: str) -> str:
    """A word for haproxy.cfg, whatever it holds: in single quotes, where only a single quote means something."""
    return "'" + text.replace("'", r"'\''") + "'"
