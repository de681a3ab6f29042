"""What a look asks of signs of trouble that no step of a run has to know."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from cluster.preflight.hosts import watched_directories
from facts.answer import Question
from facts.health.etcd import EtcdHealth
from facts.health.haproxy import HaproxySessions
from facts.health.host import HostHealth
from facts.health.patroni import PatroniHealth
from facts.health.postgres import PostgresHealth


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Of the host, and of each component that it has."""
    asked: dict[str, Question] = {}
    if paths := watched_directories(cluster, node):
        asked["host_health"] = (HostHealth, {"paths": paths})
    if "postgres" in node.roles:
        asked |= {"postgres_health": (PostgresHealth, {}), "patroni_health": (PatroniHealth, {})}
    if "etcd" in node.roles:
        asked["etcd_health"] = (EtcdHealth, {})
    if "haproxy" in node.roles:
        asked["haproxy_sessions"] = (HaproxySessions, {})
    return asked
