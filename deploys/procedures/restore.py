"""A restore: its options, and the order of bootstrapping a cluster from a backup."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.plans.restore.target import Target, asked_target
from deploys.components.patroni import deploy_patroni
from deploys.parts.begin import declared_cluster, running_cluster
from deploys.parts.build import deploy_access, deploy_base
from deploys.parts.options import member_named, option
from deploys.parts.secrets import cluster_secrets, held_secrets, secrets_directory
from operations.live.preflight import declared_clusters_of
from operations.runs.backup import backup
from operations.runs.restore.in_place import restore_in_place
from operations.runs.restore.new_cluster import report, restore_from_source


def asked_moment() -> Target:
    """The moment that ``--data`` names. Refuses none, two, and one that cannot be read."""
    words = {"time": option("time"), "lsn": option("lsn"), "name": option("name"), "set": option("set")}
    given = {"latest": option("latest"), **words}
    return asked_target(given, option("timeline"), exclusive=option("exclusive"))


def meant_cluster() -> Cluster | None:
    """The cluster of the host at hand, unless ``--data confirm`` names another one of the inventory."""
    cluster, name = running_cluster(), option("confirm")
    declared = declared_clusters_of(host.inventory)
    if name and name not in declared:
        raise ConfigError(
            f"confirm: {name} is no cluster of this inventory\n"
            f"HINT: it has {', '.join(declared)}; name the one that you mean."
        )
    return cluster if cluster is None or name in ("", cluster.name) else None


def begun_cluster(source: str) -> Cluster | None:
    """
    The cluster that ``--data confirm`` names, fit to be built; None on the hosts of others. Refuses no such name.

    + source: the name of the cluster whose backup it begins with
    """
    if not option("confirm"):
        raise ConfigError(
            "it is not said which cluster begins with the backup\n"
            "HINT: --data confirm=NAME names it; see docs/runs/restore.md."
        )
    cluster = meant_cluster()
    return None if cluster is None else declared_cluster(restores=True, copies=source != cluster.name)


def deploy_in_place(cluster: Cluster) -> None:
    """The cluster back at the moment that the command line names, and a backup of it."""
    restore_in_place(
        name="Restore",
        cluster=cluster,
        target=asked_moment(),
        member=member_named(cluster, "node"),
        repository=option("repository"),
        confirmed=bool(option("confirm")),
        unarchived=option("skip_archiving"),
    )
    # Nothing in the repository belongs to the new timeline yet.
    backup(name="Take an incremental backup", cluster=cluster, kind="incr")


def deploy_copy(cluster: Cluster, source: str) -> None:
    """
    A cluster that begins with a backup, and its own first one. Refuses a source that the inventory does not declare.

    + source: the name of the cluster whose backup it is; its own, after all its hosts were lost
    """
    declared = declared_clusters_of(host.inventory)
    if source not in declared:
        raise ConfigError(f"source: {source} is no cluster of this inventory\nHINT: it has {', '.join(declared)}.")
    if cluster.repository is None:
        raise ConfigError(f"{cluster.name} has no repository host\nHINT: put a host in the group backup.")
    if source != cluster.name and not held_secrets(declared[source]).has_authority:
        raise ConfigError(
            f"the CA of {source}, which its repository host trusts, is not on this machine\n"
            f"HINT: copy {secrets_directory(declared[source])} from the machine that built it."
        )
    _deploy_from(source=declared[source], cluster=cluster, target=asked_moment())
    backup(name="Take a full backup", cluster=cluster, kind="full")


@deploy("Restore")
def _deploy_from(source: Cluster, cluster: Cluster, target: Target) -> None:
    """The whole build, with the data of a backup."""
    secrets = cluster_secrets(cluster)
    deploy_base(cluster)
    restore_from_source(
        name=f"Restore the data of {source.name}",
        cluster=cluster,
        source=source,
        target=target,
        secrets=secrets,
        source_secrets=secrets_directory(source),
        repository=option("repository"),
    )
    deploy_patroni(cluster=cluster, renews=True)  # the data bring the source's
    report(name="Report", cluster=cluster)
    deploy_access(cluster)
