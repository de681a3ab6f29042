"""journald, where its share of the disk is declared."""

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from operations import journald


@deploy("Journal")
def deploy_journald(cluster: Cluster) -> None:
    """The journal is bounded before anything writes to it. + cluster: as declared"""
    journald.bounded(name="Bound the journal", cluster=cluster)
