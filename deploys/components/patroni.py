"""PostgreSQL under Patroni: each member, the cluster they form, and what is inside."""

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from deploys.parts.secrets import cluster_secrets
from operations import patroni, patroni_configuration, patroni_logs, postgres
from operations.runs import adopt


@deploy("Adoption")
def deploy_adoption(cluster: Cluster) -> None:
    """The newest data of the members lead, before the others start. + cluster: as declared"""
    adopt.adopt(
        name="Start the member with the newest data as leader", cluster=cluster, secrets=cluster_secrets(cluster)
    )


@deploy("PostgreSQL")
def deploy_patroni(cluster: Cluster, *, renews: bool = False) -> None:
    """
    Patroni on this host, and the order point behind which every standby streams.

    + cluster: as declared
    + renews: the admin role may get another password
    """
    secrets = cluster_secrets(cluster)
    patroni_configuration.allow_new_members(name="Allow new members in pg_hba before they connect", cluster=cluster)
    patroni_logs.bounded(name="Bound PostgreSQL's log files", cluster=cluster)
    patroni.member(name="Configure and start Patroni", cluster=cluster, secrets=secrets)
    patroni.formed(name="Wait for a leader and streaming standbys", cluster=cluster, secrets=secrets)
    patroni_configuration.configuration(name="Apply the dynamic configuration", cluster=cluster)
    postgres.objects(name="Create the admin role and databases", cluster=cluster, secrets=secrets, renews=renews)
    postgres.statistics(name="Enable statement statistics", cluster=cluster)
