"""A whole cluster stopped, started or destroyed: the order of it, over all hosts."""

from __future__ import annotations

from collections.abc import Collection

from pyinfra.api import deploy

from cluster.model import Cluster
from cluster.plan_standby import refuse_standby
from deploys.components.secrets import secrets_directory
from operations import patroni_halt, patroni_wake, power, power_destroy

# Every host of the cluster calls every operation: that alone keeps pyinfra to this order across hosts.


@deploy("Stop")
def deploy_stop(cluster: Cluster, *, confirmed: bool, force: bool) -> None:
    """
    Stop everything, with the same last write on every member. The archive is there for the last WAL, etcd for Patroni.

    + cluster: as declared
    + confirmed, force: as ``patroni_halt`` has them
    """
    refuse_standby(cluster, "'systemctl stop patroni' on its members, the leader last; then etcd.")
    patroni_halt.announced(name="judged", cluster=cluster, confirmed=confirmed, force=force)
    power.stopped(name="HAProxy", cluster=cluster, part="haproxy")
    power.stopped(name="timers of backups", cluster=cluster, part="timers")
    patroni_halt.halted(name="PostgreSQL and Patroni", cluster=cluster)
    power.stopped(name="pgBackRest", cluster=cluster, part="pgbackrest")
    power.stopped(name="etcd", cluster=cluster, part="etcd")
    patroni_halt.told(name="all of it", cluster=cluster)


@deploy("Start")
def deploy_start(cluster: Cluster, without: Collection[str]) -> None:
    """
    Start everything, with the newest data first.

    + cluster: as declared
    + without: members that were given up
    """
    refuse_standby(cluster, "'systemctl start etcd patroni' on its members; it gets from its source what it lacks.")
    patroni_wake.readied(name="nobody comes too early", cluster=cluster, without=without)
    power.started(name="etcd", cluster=cluster, part="etcd")
    power.quorum(name="etcd's quorum", cluster=cluster)
    power.started(name="pgBackRest", cluster=cluster, part="pgbackrest")
    patroni_wake.led(name="the newest data lead", cluster=cluster, without=without)
    patroni_wake.followed(name="the others stream", cluster=cluster, without=without)
    power.started(name="HAProxy", cluster=cluster, part="haproxy")
    power.started(name="timers of backups", cluster=cluster, part="timers")
    patroni_wake.told(name="all of it", cluster=cluster, without=without)


@deploy("Destroy")
def deploy_destroy(cluster: Cluster, *, confirmed: bool, wipe: bool, backups: bool) -> None:
    """
    Stop everything, then remove it.

    + cluster: as declared
    + confirmed, wipe, backups: as ``power_destroy`` has them
    """
    secrets = str(secrets_directory(cluster))
    told = {"wipe": wipe, "secrets": secrets}
    power_destroy.announced(name="judged", cluster=cluster, confirmed=confirmed, backups=backups, **told)
    power.stopped(name="HAProxy", cluster=cluster, part="haproxy")
    power_destroy.aligned(name="the last record on all members", cluster=cluster)
    power_destroy.stopped(name="PostgreSQL and Patroni", cluster=cluster)
    power_destroy.cleared(name="all traces", cluster=cluster, wipe=wipe, backups=backups)
    power_destroy.told(name="all of it", cluster=cluster, **told)
