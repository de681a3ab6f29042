"""journald, where its share of the disk is declared."""

from __future__ import annotations

from dataclasses import replace

from pyinfra.api import operation

from cluster.components.component import Unit
from cluster.components.journald.component import CONFIGURATION, UNIT, journald_component
from cluster.declared.model import Cluster
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def bounded(cluster: Cluster) -> Commands:
    """The journal takes no more of the disk than is declared. + cluster: as declared; called on every host"""
    # journald keeps the streams of all services through its restart.
    unit = Unit(UNIT, (CONFIGURATION,), load=f"systemctl restart {UNIT}")
    yield from apply_component(replace(journald_component(cluster), units=(unit,)))
