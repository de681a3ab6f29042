"""How every run begins: a quick connection, a quiet console, and a refusal of everything that is wrong."""

from __future__ import annotations

from pyinfra import host

from cluster.model import Cluster
from deploys.components.secrets import held_secrets
from operations.preflight import cluster_of, refuse_unfit_hosts
from operations.util.console import quiet_the_idle_lines
from operations.util.remote import quicken, quiet_refusals


def declared_cluster() -> Cluster | None:
    """
    The cluster of the host at hand, after all hosts were looked at; None for a host that is in none of our groups.

    Refuses, in one table and before anything is touched, whatever is wrong in the inventory or on the hosts.
    """
    cluster = running_cluster()
    if cluster is not None:
        refuse_unfit_hosts(cluster, held_secrets(cluster))
    return cluster


def running_cluster() -> Cluster | None:
    """
    The same, for procedures on a cluster that runs: refuses only what is wrong in the inventory. What the hosts may
    lack for a deployment, room on a disk or a host that is dead, can be the very reason for the procedure.
    """
    quicken(host)
    quiet_the_idle_lines()
    quiet_refusals()
    return cluster_of(host)
