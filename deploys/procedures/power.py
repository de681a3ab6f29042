"""A whole cluster stopped, started or destroyed: the order of it, over all hosts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.verdicts.standby_role import refuse_standby
from deploys.parts.secrets import secrets_directory
from operations.runs import destroy, services, start, stop

# Every host of the cluster calls every operation: that alone keeps pyinfra to this order across hosts.


@deploy("Stop")
def deploy_stop(cluster: Cluster, *, confirmed: bool, force: bool) -> None:
    """
    Stop everything, with the same last write on every member. The archive is there for the last WAL, etcd for Patroni.

    + cluster: as declared
    + confirmed, force: as ``patroni_halt`` has them
    """
    refuse_standby(cluster, "'systemctl stop patroni' on its members, the leader last; then etcd.")
    stop.announced(name="Check that the cluster may be stopped", cluster=cluster, confirmed=confirmed, force=force)
    services.stopped(name="Stop HAProxy", cluster=cluster, phase="clients")
    services.stopped(name="Stop the timers", cluster=cluster, phase="timers")
    stop.halted(name="Stop PostgreSQL and Patroni", cluster=cluster)
    services.stopped(name="Stop pgBackRest", cluster=cluster, phase="archive")
    services.stopped(name="Stop etcd", cluster=cluster, phase="etcd")
    stop.told(name="Report", cluster=cluster)


@deploy("Start")
def deploy_start(cluster: Cluster, without: Collection[str]) -> None:
    """
    Start everything, with the newest data first.

    + cluster: as declared
    + without: members that were given up
    """
    refuse_standby(cluster, "'systemctl start etcd patroni' on its members; it gets from its source what it lacks.")
    start.readied(name="Hold back members until the newest data is known", cluster=cluster, without=without)
    services.started(name="Start etcd", cluster=cluster, phase="etcd")
    services.quorum(name="Wait for etcd's quorum", cluster=cluster)
    services.started(name="Start pgBackRest", cluster=cluster, phase="archive")
    start.led(name="Start the member with the newest data", cluster=cluster, without=without)
    start.followed(name="Start the standbys and wait until they stream", cluster=cluster, without=without)
    services.started(name="Start HAProxy", cluster=cluster, phase="clients")
    services.started(name="Start the timers", cluster=cluster, phase="timers")
    start.told(name="Report", cluster=cluster, without=without)


@deploy("Destroy")
def deploy_destroy(cluster: Cluster, *, confirmed: bool, wipe: bool, backups: bool) -> None:
    """
    Stop everything, then remove it.

    + cluster: as declared
    + confirmed, wipe, backups: as ``power_destroy`` has them
    """
    secrets = str(secrets_directory(cluster))
    told: dict[str, Any] = {"wipe": wipe, "secrets": secrets}
    destroy.announced(
        name="Announce what is removed, and check that it may be",
        cluster=cluster,
        confirmed=confirmed,
        backups=backups,
        **told,
    )
    services.stopped(name="Stop HAProxy", cluster=cluster, phase="clients")
    destroy.aligned(name="Replicate the last record to all members", cluster=cluster)
    destroy.stopped(name="Stop PostgreSQL and Patroni", cluster=cluster)
    destroy.cleared(name="Remove units and files", cluster=cluster, wipe=wipe, backups=backups)
    destroy.told(name="Report", cluster=cluster, **told)
