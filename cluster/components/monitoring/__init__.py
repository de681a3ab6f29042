"""What serves metrics on the hosts, and what scrapes them: one file each."""

from __future__ import annotations

from cluster.components.component_type import ComponentType
from cluster.components.monitoring.etcd_metrics import COMPONENT as ETCD_METRICS
from cluster.components.monitoring.node_exporter import COMPONENT as NODE_EXPORTER
from cluster.components.monitoring.pgbackrest_exporter import COMPONENT as PGBACKREST_EXPORTER
from cluster.components.monitoring.pgbouncer_exporter import COMPONENT as PGBOUNCER_EXPORTER
from cluster.components.monitoring.postgres_exporter import COMPONENT as POSTGRES_EXPORTER
from cluster.declared.model import Cluster, Node

# In the order in which they are started.
SERVING: tuple[ComponentType, ...] = (
    *(NODE_EXPORTER, ETCD_METRICS, POSTGRES_EXPORTER, PGBOUNCER_EXPORTER, PGBACKREST_EXPORTER),
)


def exporter_places(cluster: Cluster, node: Node) -> dict[str, str]:
    """Where the exporters of a host listen, by their names."""
    opened = {one.name: one.listens(cluster, node) for one in SERVING}
    return {name: node.address.endpoint(one.port) for name, listed in opened.items() for one in listed}
