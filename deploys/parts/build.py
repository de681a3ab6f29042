"""The build of a cluster, in its order."""

from __future__ import annotations

from collections.abc import Collection

from cluster.declared.model import Cluster
from cluster.declared.vip import ON_MEMBERS
from deploys.components.certificates import deploy_certificates, deploy_etcd_trust
from deploys.components.chrony import deploy_chrony
from deploys.components.etcd import deploy_etcd, deploy_quorum
from deploys.components.findings import deploy_findings
from deploys.components.firewall import deploy_firewall, deploy_opening
from deploys.components.first_look import deploy_first_look
from deploys.components.haproxy import deploy_haproxy
from deploys.components.journald import deploy_journald
from deploys.components.keepalived import deploy_keepalived
from deploys.components.monitoring import deploy_monitoring
from deploys.components.packages import deploy_packages
from deploys.components.patroni import deploy_adoption, deploy_patroni
from deploys.components.pgbackrest import deploy_pgbackrest, deploy_stanza
from deploys.components.pgbouncer import deploy_pgbouncer
from deploys.components.proof import deploy_proof
from deploys.components.undeclared import deploy_removal
from deploys.components.vip import deploy_holder, deploy_speaker, deploy_vip
from deploys.parts.secrets import cluster_secrets, deploy_secrets


def deploy_all(cluster: Cluster, *, adopts: bool = False, rotates: Collection[str] = ()) -> None:
    """
    Build what is declared, or bring it back to that, and prove it.

    + cluster: as declared
    + adopts: begin with the data that members have
    + rotates: names of secrets that may change
    """
    deploy_first_look(cluster=cluster)
    deploy_base(cluster)
    if adopts:
        deploy_adoption(cluster=cluster)
    deploy_patroni(cluster=cluster, renews="PATRONI_ADMIN_PASSWORD" in rotates)
    deploy_etcd_trust(cluster=cluster)
    deploy_access(cluster)


# Every host of the cluster calls every operation: that alone keeps pyinfra to this order across hosts.


def deploy_base(cluster: Cluster) -> None:
    """What PostgreSQL's members stand on. + cluster: as declared"""
    deploy_secrets(cluster=cluster)
    deploy_packages(cluster=cluster)
    deploy_opening(cluster=cluster)
    deploy_chrony(cluster=cluster)
    if cluster.settings.journald_mib is not None:
        deploy_journald(cluster=cluster)
    deploy_certificates(cluster=cluster)
    deploy_etcd(cluster=cluster)
    deploy_pgbackrest(cluster=cluster)  # meanwhile etcd's members find each other
    deploy_quorum(cluster=cluster)
    if cluster.settings.vip_mode in ON_MEMBERS:
        _deploy_addresses(cluster)  # PostgreSQL listens on them from its start


def _deploy_addresses(cluster: Cluster) -> None:
    """What members need to have addresses themselves, in the order in which others give them up."""
    deploy_speaker(cluster=cluster)
    if cluster.settings.vip_mode == "bgp":
        deploy_keepalived(cluster=cluster)  # no member can ask whether it has an announced address still
    deploy_holder(cluster=cluster)


def deploy_access(cluster: Cluster) -> None:
    """What needs members that run: backups, the way in for clients, and the proof. + cluster: as declared"""
    deploy_stanza(cluster=cluster)
    deploy_haproxy(cluster=cluster, secrets=cluster_secrets(cluster))
    deploy_pgbouncer(cluster=cluster, secrets=cluster_secrets(cluster))
    if cluster.settings.vip_mode not in ON_MEMBERS:
        deploy_vip(cluster=cluster)  # members let go of addresses only where others are ready to take them
    if cluster.settings.vip_mode != "bgp":
        deploy_keepalived(cluster=cluster)
    deploy_monitoring(cluster=cluster, secrets=cluster_secrets(cluster))
    deploy_removal(cluster=cluster)
    deploy_firewall(cluster=cluster)  # the proof is one behind it
    deploy_findings(cluster=cluster, secrets=cluster_secrets(cluster))
    deploy_proof(cluster=cluster)
