"""A host taken out of a cluster: the order of it, over all hosts."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.plans.remove_node import refuse_indispensable
from cluster.verdicts.held_clients import HOLD, Holding
from cluster.verdicts.removal_notes import remaining
from deploys.components.certificates import deploy_certificates
from deploys.components.findings import deploy_declaration
from deploys.components.firewall import deploy_firewall
from deploys.components.haproxy import deploy_haproxy
from deploys.components.keepalived import deploy_keepalived
from deploys.components.monitoring import deploy_monitoring
from deploys.components.pgbackrest import deploy_pgbackrest
from deploys.components.pgbouncer import deploy_pgbouncer
from deploys.components.vip import deploy_vip
from deploys.parts.secrets import cluster_secrets
from operations import etcd, patroni, patroni_configuration
from operations.live.preflight import once
from operations.runs.remove_node import etcd_membership, patroni_traces, procedure
from operations.util.hosts import current_node


@deploy("Removal")
def deploy_removal(
    declared: Cluster,
    leaving: str,
    *,
    alone: bool,
    wipe: bool,
    drain_seconds: int,
    force: bool,
    holding: Holding = HOLD,
) -> None:
    """
    Take a host out. Every host calls the steps over all of them; the configuration is that of those that stay.

    + declared: the cluster, the host in it
    + leaving: the node's name
    + alone, wipe, drain_seconds, force, holding: as ``procedure.begin`` and ``procedure.stop_services`` have them
    """
    cluster = _without_removed(declared, leaving)
    refuse_indispensable(cluster, cluster.node(leaving))
    rest = remaining(cluster, {leaving})
    stays = current_node() in {node.name for node in rest}
    procedure.begin(
        name=f"Check that {leaving} may leave, move the leader away",
        cluster=cluster,
        leaving=leaving,
        alone=alone,
        wipe=wipe,
        force=force,
        holding=holding,
    )
    if stays:
        deploy_haproxy(cluster=rest, secrets=cluster_secrets(rest))
    procedure.stop_services(
        name=f"Stop {leaving}'s services", cluster=cluster, leaving=leaving, drain_seconds=drain_seconds
    )
    patroni_traces.deregister(name=f"Delete {leaving}'s keys and slots", cluster=cluster, leaving=leaving)
    if stays:
        _configure_remaining(rest)
    etcd_membership.leave_etcd(name=f"Remove {leaving} from etcd", cluster=cluster, leaving=leaving)
    if stays:
        etcd.member(name="Configure the remaining members of etcd", cluster=rest)
        etcd.quorum(name="Check the quorum of the remaining members", cluster=rest)
        deploy_firewall(cluster=rest)
        deploy_monitoring(cluster=rest, secrets=cluster_secrets(rest))  # nobody is paged for a host that left
        deploy_declaration(cluster=rest, secrets=cluster_secrets(rest))
    procedure.clear_host(name=f"Remove {leaving}'s units and files", cluster=cluster, leaving=leaving, wipe=wipe)
    procedure.report(name="Report", cluster=cluster, leaving=leaving)


def _configure_remaining(rest: Cluster) -> None:
    secrets = cluster_secrets(rest)
    deploy_pgbouncer(cluster=rest, secrets=secrets)
    deploy_keepalived(cluster=rest)
    deploy_certificates(cluster=rest)
    deploy_pgbackrest(cluster=rest)
    deploy_vip(cluster=rest)
    # Not the whole of deploy_patroni: another member that is lame does not hold this one.
    patroni.member(name="Configure the remaining members", cluster=rest, secrets=secrets)
    patroni_configuration.configuration(name="Apply the dynamic configuration without it", cluster=rest)


def _without_removed(declared: Cluster, leaving: str) -> Cluster:
    """Hosts that were taken out before and are still declared have no part in it. Asked once, for all hosts."""
    work = f"{declared.name} without those that were removed"
    return once(host.inventory, work, lambda: procedure.without_removed(declared, leaving))
