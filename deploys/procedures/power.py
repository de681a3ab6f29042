"""A whole cluster stopped, started or destroyed: the order of it, over all hosts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from deploys.parts.secrets import secrets_directory
from operations.runs import destroy, services, start, stop

# Every host of the cluster calls every operation: that alone keeps pyinfra to this order across hosts.


@deploy("Stop")
def deploy_stop(cluster: Cluster, *, confirmed: bool, force: bool) -> None:
    """
    Stop everything, with the same last write on every member. The archive is there for the last WAL, etcd for Patroni.

    + cluster: as declared
    + confirmed, force: as ``stop.announce`` has them
    """
    stop.announce(name="Check that the cluster may be stopped", cluster=cluster, confirmed=confirmed, force=force)
    services.stop_services(name="Stop HAProxy", cluster=cluster, phase="clients")
    services.stop_services(name="Stop the timers", cluster=cluster, phase="timers")
    stop.stop_members(name="Stop PostgreSQL and Patroni", cluster=cluster)
    services.stop_services(name="Stop pgBackRest", cluster=cluster, phase="archive")
    services.stop_services(name="Stop etcd", cluster=cluster, phase="etcd")
    stop.report(name="Report", cluster=cluster)


@deploy("Start")
def deploy_start(cluster: Cluster, without: Collection[str]) -> None:
    """
    Start everything, with the newest data first.

    + cluster: as declared
    + without: members that were given up
    """
    start.hold_back_members(name="Hold back members until the newest data is known", cluster=cluster, without=without)
    services.start_services(name="Start etcd", cluster=cluster, phase="etcd")
    services.await_quorum(name="Wait for etcd's quorum", cluster=cluster)
    services.start_services(name="Start pgBackRest", cluster=cluster, phase="archive")
    start.start_newest_first(name="Start the member with the newest data", cluster=cluster, without=without)
    start.start_standbys(name="Start the standbys and wait until they stream", cluster=cluster, without=without)
    services.start_services(name="Start HAProxy", cluster=cluster, phase="clients")
    services.start_services(name="Start the timers", cluster=cluster, phase="timers")
    start.report(name="Report", cluster=cluster, without=without)


@deploy("Destroy")
def deploy_destroy(cluster: Cluster, *, confirmed: bool, wipe: bool, backups: bool) -> None:
    """
    Stop everything, then remove it.

    + cluster: as declared
    + confirmed, wipe, backups: as ``destroy.announce`` and ``destroy.remove_files`` have them
    """
    secrets = str(secrets_directory(cluster))
    told: dict[str, Any] = {"wipe": wipe, "secrets": secrets}
    destroy.announce(
        name="Announce what is removed, and check that it may be",
        cluster=cluster,
        confirmed=confirmed,
        backups=backups,
        **told,
    )
    services.stop_services(name="Stop HAProxy", cluster=cluster, phase="clients")
    destroy.sync_last_record(name="Replicate the last record to all members", cluster=cluster)
    destroy.stop_postgres(name="Stop PostgreSQL and Patroni", cluster=cluster)
    destroy.remove_files(name="Remove units and files", cluster=cluster, wipe=wipe, backups=backups)
    destroy.report(name="Report", cluster=cluster, **told)
