"""Certificates: every component of every host gets one before anything that uses it is started."""

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from deploys.parts.secrets import secrets_directory
from operations import certificates, etcd_trust


@deploy("Certificates")
def deploy_certificates(cluster: Cluster) -> None:
    """Certificates on this host. + cluster: as declared"""
    own = secrets_directory(cluster)
    source = own if cluster.source is None else secrets_directory(cluster.source)
    certificates.issued(
        name="Issue certificates and trust the CAs", cluster=cluster, secrets_directory=own, source_secrets=source
    )
    certificates.trust_source(
        name="Trust the source cluster's CA", cluster=cluster, secrets_directory=own, source_secrets=source
    )


@deploy("etcd's CA")
def deploy_etcd_trust(cluster: Cluster) -> None:
    """etcd left to those alone whom its own CA vouches for, once all trust that. + cluster: as declared"""
    own = secrets_directory(cluster)
    etcd_trust.own(name="Accept only certificates of etcd's own CA", cluster=cluster, secrets_directory=own)
