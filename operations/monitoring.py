"""The exporters of a host, and what etcd, HAProxy, PgBouncer and PostgreSQL have for them is with those."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.component import Component
from cluster.components.monitoring import SERVING
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def exporters(cluster: Cluster) -> Commands:
    """
    Run the exporters that belong on this host. Each reads its files again by a restart, which nothing but a scrape
    that fails once would notice; a new certificate most of them take without.

    + cluster: as declared, with monitoring; called on every host
    """
    node = cluster.node(host.name)
    there = [one.files(cluster, node, {}) for one in SERVING if one.on(cluster, node)]
    yield from apply_component(_together(there))


def _together(components: list[Component]) -> Component:
    """As one, without what several of them need twice."""
    directories = dict.fromkeys(item for one in components for item in one.directories)
    files = dict.fromkeys(item for one in components for item in one.files)
    return Component(tuple(directories), tuple(files), tuple(unit for one in components for unit in one.units))
