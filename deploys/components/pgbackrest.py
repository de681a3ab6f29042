"""Backups: pgBackRest on the members and on the repository host. Without a repository host there is nothing to do."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from deploys.parts.secrets import cluster_secrets
from operations import pgbackrest, pgbackrest_source, pgbackrest_stanza


@deploy("pgBackRest")
def deploy_pgbackrest(cluster: Cluster) -> None:
    """
    Its files and its server on this host. Before PostgreSQL: what archives its WAL is to be there at its first start.

    + cluster: as declared
    """
    cipher_pass = cluster_secrets(cluster)["PGBACKREST_CIPHER_PASS"]
    pgbackrest.configured(name="Configure and start pgBackRest", cluster=cluster, cipher_pass=cipher_pass)
    pgbackrest_source.reads_source(name="Configure access to the source's archive", cluster=cluster)


@deploy("Backups")
def deploy_stanza(cluster: Cluster) -> None:
    """The cluster's place in the repository, which takes a primary. + cluster: as declared"""
    pgbackrest_stanza.stanza(name="Create the stanza and check archiving", cluster=cluster)
