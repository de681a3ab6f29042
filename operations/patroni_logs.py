"""The files of PostgreSQL's log on each member, bounded by age and size."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.patroni_logs.component import logs_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def bounded(cluster: Cluster) -> Commands:
    """The timer that removes the oldest. + cluster: as declared; called on every host"""
    if "postgres" not in cluster.node(host.name).roles:
        host.noop("no PostgreSQL on this host")
        return
    yield from apply_component(logs_component(cluster))
