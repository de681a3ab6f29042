"""What is not declared any more."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.declared.monitoring import is_measured
from cluster.declared.pgbouncer import is_looked_up
from operations import postgres, undeclared


@deploy("What is not declared any more")
def deploy_removal(cluster: Cluster) -> None:
    """
    Remove pools and exporters that are not declared any more, when nothing asks them any more, and then their roles.

    + cluster: as declared
    """
    undeclared.removed(name="Remove what is not declared any more", cluster=cluster)
    if not (is_looked_up(cluster) and is_measured(cluster)):
        postgres.roles_removed(name="Remove the roles of what is not declared any more", cluster=cluster)
