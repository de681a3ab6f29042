"""What an earlier run installed, and the inventory does not declare any more."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.all import unwanted
from cluster.declared.model import Cluster
from operations.acts.component import Commands, remove_components
from operations.util.first_look import looks_again


@operation()
@looks_again
def removed(cluster: Cluster) -> Commands:
    """
    Stop and remove it; what others have installed is left alone.

    + cluster: as declared; called on every host, when nothing else needs it any more
    """
    node = cluster.node(host.name)
    yield from remove_components(unwanted(cluster, node), cluster, node)
