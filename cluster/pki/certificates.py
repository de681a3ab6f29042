"""Which certificates a host needs: owner, names and path of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from cluster.declared.address import Address, is_address
from cluster.declared.model import Cluster, Network, Node
from cluster.declared.vip import virtual_addresses
from cluster.pki.verdicts import LeafRequest

# Who vouches for a certificate, and so whom its service lets in: the cluster's CA, which may be the user's, or one that
# is always ours and issues nothing but what etcd lets in, or pgBackRest, or PostgreSQL under the cluster's own roles.
# A standby cluster's members come to both as what the source's own are: theirs is the source's for members.
# What monitoring's issues opens the exporters, and nothing else does.
Issuer: TypeAlias = Literal["cluster", "etcd", "pgbackrest", "members", "source", "monitoring"]

LOOPBACK = (Address("127.0.0.1"), Address("::1"))


@dataclass(frozen=True)
class CertificatePlace:
    """
    One component's certificate on a host.

    + user: owns the files and is the only one who may read the key
    + bundle: certificate and key in one file, as HAProxy wants them
    + issuer: whose CA issues it, and is trusted beside it
    + role: of PostgreSQL, as which it lets its host in; then it is a client's alone
    + stem: of the files' names, where it is not the component
    + server, client: what it proves: whom one has reached, who comes, or both
    + network: in which others reach the component, besides that of the cluster
    """

    component: str
    directory: str
    user: str
    bundle: bool = False
    issuer: Issuer = "cluster"
    role: str | None = None
    stem: str | None = None
    server: bool = True
    client: bool = False
    network: Network = "cluster"

    @property
    def certificate(self) -> str:
        """Path of the certificate, or of the bundle."""
        return f"{self.directory}/{self.stem or self.component}.{'pem' if self.bundle else 'crt'}"

    @property
    def key(self) -> str:
        """Path of the private key, the bundle's own when there is one."""
        return self.certificate if self.bundle else f"{self.directory}/{self.stem or self.component}.key"

    @property
    def authority(self) -> str:
        """Path of the CA's certificate that this component trusts."""
        return f"{self.directory}/ca.crt"


# Whom etcd lets in: its members, and with them the runs, and each member's Patroni; nobody else has one of these.
# Patroni reads under which paths its own lies only when it starts, and a restart would stop PostgreSQL; so they are
# those under which it had one for everything, while its REST API, which takes new paths when it is reloaded, has a
# place of its own.
ETCD = CertificatePlace("etcd", "/etc/etcd/pki", "etcd", issuer="etcd", client=True)
PATRONI_ETCD = CertificatePlace(
    "patroni-etcd", "/etc/patroni/pki", "postgres", issuer="etcd", stem="patroni", server=False, client=True
)
PATRONI = CertificatePlace("patroni", "/etc/patroni/rest", "postgres", client=True)
POSTGRES = CertificatePlace("postgres", "/etc/postgresql/pki", "postgres", network="client")
HAPROXY = CertificatePlace("haproxy", "/etc/haproxy/pki", "root", bundle=True, network="client")
PGBOUNCER = CertificatePlace("pgbouncer", "/etc/pgbouncer/pki", "postgres", network="client")
# What members let each other in with, besides the password. PostgreSQL wants the role's name as the common name.
MEMBERSHIP = tuple(
    CertificatePlace(role, POSTGRES.directory, "postgres", issuer="members", role=role, server=False, client=True)
    for role in ("replicator", "rewind")
)
# Two, for what the server can open is open to its clients: with the server's nobody is let in anywhere.
PGBACKREST = CertificatePlace(
    "pgbackrest", "/etc/pgbackrest/pki", "postgres", issuer="pgbackrest", server=False, client=True
)
PGBACKREST_SERVER = CertificatePlace(
    "server", "/etc/pgbackrest/server", "postgres", issuer="pgbackrest", network="backup"
)
# With it a member of a standby cluster is let in by its source's repository host; the source's CA issues it.
SOURCE = CertificatePlace(
    "client", "/etc/pgbackrest/source", "postgres", issuer="pgbackrest", server=False, client=True
)
# One for all exporters of a host. It is no client's, so nobody gets in anywhere with what lies on a host: the exporters
# let in whom this CA has made a client, which is the scraper alone.
MONITORING = CertificatePlace("monitoring", "/etc/pyinfra-patroni-monitoring/pki", "prometheus", issuer="monitoring")
# The scraper's: it opens the exporters, and HAProxy's metrics, and is no server's.
SCRAPER = CertificatePlace(
    "scraper", "/etc/pyinfra-patroni-monitoring/scraper", "prometheus", issuer="monitoring", server=False, client=True
)
# What people meet with on a host of the group monitor.
MONITOR = CertificatePlace("monitor", "/etc/pyinfra-patroni-monitoring/monitor", "prometheus")


def membership(cluster: Cluster) -> tuple[CertificatePlace, ...]:
    """What a member is let in with by the others, and in a standby cluster by the members of its source, too."""
    return MEMBERSHIP if cluster.source is None else tuple(replace(place, issuer="source") for place in MEMBERSHIP)


def leaf_request(cluster: Cluster, node: Node, place: CertificatePlace) -> LeafRequest:
    """The certificate that one component of a host needs."""
    names, addresses = _names(cluster, node, place)
    return LeafRequest(
        common_name=place.role or node.name,
        dns_names=tuple(dict.fromkeys(names)),
        addresses=tuple(dict.fromkeys(address.ip for address in addresses)),
        server=place.server,
        # etcd's JSON gateway, through which Patroni speaks, presents the server certificate as a client's to etcd
        # itself (etcd issue 9785); Patroni is a client of the other members' REST API.
        client=place.client,
        days=cluster.settings.certificates_days,
    )


def _names(cluster: Cluster, node: Node, place: CertificatePlace) -> tuple[list[str], list[Address]]:
    # A client that verifies the full name through HAProxy sees PostgreSQL's certificate under HAProxy's name.
    through = cluster.balancers if place is POSTGRES else ()
    vouched = [node, *through]
    virtual = (str(one.address) for one in virtual_addresses(cluster))
    extra = [*cluster.settings.cluster_extra_names, *virtual] if place in (POSTGRES, HAPROXY, PGBOUNCER) else []
    names = [name for one in vouched for name in one.names] + [text for text in extra if not is_address(text)]
    addresses = [address for one in vouched for address in one.addresses_in(place.network)]
    if place is PGBACKREST_SERVER:
        # Before 2.53 pgBackRest compares the host that it was told with DNS names only, whatever it looks like.
        names += [str(address) for address in addresses if address.ip.version == 4]
    addresses += [Address(text) for text in extra if is_address(text)]
    return names, [*addresses, *LOOPBACK]


def owner_directories(places: Iterable[CertificatePlace]) -> dict[str, str]:
    """The directories of these certificates, with their owner."""
    return {place.directory: place.user for place in places}
