"""How every run starts: connect to the hosts, read the declaration, refuse everything that is wrong in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyinfra import host

from cluster.checks.overview import Overview
from cluster.declared.model import Cluster
from cluster.pki.issuers import authority_path, etcd_authority_path
from deploys.parts.secrets import held_secrets, secrets_directory
from operations.live.overview import Look, observed
from operations.live.preflight import cluster_of, declared_clusters_of, once, refuse_other_secrets, refuse_unfit_hosts
from operations.util.console import quiet_the_idle_lines
from operations.util.hosts import acts_for_all, is_within_limit
from operations.util.session import disable_nagle, end_run, quiet_refusals, refuse_other_deploys

ALL = "*"


def declared_cluster(*, returning: str | None = None, **run: Any) -> Cluster | None:
    """
    The cluster of the host at hand, after all hosts were looked at; None for a host that is in none of our groups.

    Refuses, in one table and before anything is touched, whatever is wrong in the inventory or on the hosts.

    + returning: the host that this run brings back, should it have been taken out; ``ALL`` for whoever was
    + run: what else it is for: ``restores``, ``adopts``, ``copies``, ``rotates``, as ``refuse_unfit_hosts`` has them
    """
    cluster = running_cluster()
    if cluster is not None:
        names = {node.name for node in cluster} if returning == ALL else {str(returning)}
        refuse_unfit_hosts(cluster, held_secrets(cluster), returning=names, **run)
    return cluster


def known_cluster() -> Cluster | None:
    """
    The same as ``running_cluster``, for a procedure that writes configuration: refuses secrets that are not those of
    the hosts that answer.
    """
    cluster = running_cluster()
    if cluster is not None:
        refuse_other_secrets(cluster, held_secrets(cluster))
    return cluster


def running_cluster() -> Cluster | None:
    """
    The same, for procedures on a cluster that runs: refuses only what is wrong in the inventory. What the hosts may
    lack for a deployment, room on a disk or a host that is dead, can be the very reason for the procedure.
    """
    _begin()
    return cluster_of(host)


def look(deploy: str, print_all: Callable[[Sequence[Overview]], int]) -> None:
    """
    A whole run that only looks: at all hosts of every cluster of which ``--limit`` leaves one. Then the run ends.

    Refuses what is wrong in the inventory. A host that is dead or unfit is no reason to: it is what the run is for.

    + deploy: name of the deploy file, which has to be alone
    + print_all: prints what was seen of the clusters, and returns the exit code
    """
    look_alone(deploy, lambda clusters: print_all(observed(map(_look_at, clusters))))


def look_alone(deploy: str, print_all: Callable[[Sequence[Cluster]], int]) -> None:
    """
    The same, for a run that looks in a way of its own.

    + print_all: looks at the clusters, prints what it has seen, and returns the exit code
    """
    _begin()
    refuse_other_deploys(deploy)
    clusters = [
        cluster for cluster in declared_clusters_of(host.inventory).values() if any(map(is_within_limit, cluster))
    ]
    code = once(host.inventory, deploy, lambda: print_all(clusters))
    if acts_for_all():
        end_run(code)


def _begin() -> None:
    disable_nagle(host)
    quiet_the_idle_lines()
    quiet_refusals()


def _look_at(cluster: Cluster) -> Look:
    own = secrets_directory(cluster)
    return Look(cluster, held_secrets(cluster).values, authority_path(cluster, own), etcd_authority_path(own))
