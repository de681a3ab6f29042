"""Which certificates a host needs: for whom, under which names, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cluster.address import Address, is_address
from cluster.model import Cluster, Node
from cluster.pki import LeafRequest

LOOPBACK = (Address("127.0.0.1"), Address("::1"))


@dataclass(frozen=True)
class CertificatePlace:
    """
    One component's certificate on a host.

    + user: owns the files and is the only one who may read the key
    + bundle: certificate and key in one file, as HAProxy wants them
    """

    component: str
    directory: str
    user: str
    bundle: bool = False

    @property
    def certificate(self) -> str:
        """Path of the certificate, or of the bundle."""
        return f"{self.directory}/{self.component}.{'pem' if self.bundle else 'crt'}"

    @property
    def key(self) -> str:
        """Path of the private key, the bundle's own when there is one."""
        return self.certificate if self.bundle else f"{self.directory}/{self.component}.key"

    @property
    def authority(self) -> str:
        """Path of the CA's certificate that this component trusts."""
        return f"{self.directory}/ca.crt"


ETCD = CertificatePlace("etcd", "/etc/etcd/pki", "etcd")
PATRONI = CertificatePlace("patroni", "/etc/patroni/pki", "postgres")
POSTGRES = CertificatePlace("postgres", "/etc/postgresql/pki", "postgres")
HAPROXY = CertificatePlace("haproxy", "/etc/haproxy/pki", "root", bundle=True)
PGBACKREST = CertificatePlace("pgbackrest", "/etc/pgbackrest/pki", "postgres")
# With it a member of a standby cluster is let in by its source's repository host; the source's CA issues it.
SOURCE = CertificatePlace("client", "/etc/pgbackrest/source", "postgres")


def certificate_places(cluster: Cluster, node: Node) -> tuple[CertificatePlace, ...]:
    """The certificates that a host needs for its roles."""
    places = {"etcd": (ETCD,), "postgres": (PATRONI, POSTGRES), "haproxy": (HAPROXY,)}
    backups = (PGBACKREST,) if cluster.uses_pgbackrest(node) else ()
    return (*(place for role, listed in places.items() if role in node.roles for place in listed), *backups)


def leaf_request(cluster: Cluster, node: Node, place: CertificatePlace) -> LeafRequest:
    """The certificate that one component of a host needs."""
    names, addresses = _names(cluster, node, place)
    return LeafRequest(
        common_name=node.name,
        dns_names=tuple(dict.fromkeys(names)),
        addresses=tuple(dict.fromkeys(address.ip for address in addresses)),
        server=True,
        # etcd's JSON gateway, through which Patroni speaks, presents the server certificate as a client's to etcd
        # itself (etcd issue 9785); Patroni is a client of etcd and of the other members' REST API; members and
        # repository host are each other's clients.
        client=place in (ETCD, PATRONI, PGBACKREST, SOURCE),
        days=cluster.settings.certificates_days,
    )


def _names(cluster: Cluster, node: Node, place: CertificatePlace) -> tuple[list[str], list[Address]]:
    # A client that verifies the full name through HAProxy sees PostgreSQL's certificate under HAProxy's name.
    through = cluster.balancers if place is POSTGRES else ()
    vouched = [node, *through]
    extra = cluster.settings.cluster_extra_names if place in (POSTGRES, HAPROXY) else []
    names = [name for one in vouched for name in one.names] + [text for text in extra if not is_address(text)]
    if place is PGBACKREST and node.address.ip.version == 4:
        # Before 2.53 pgBackRest compares the host that it was told with DNS names only, whatever it looks like.
        names.append(str(node.address))
    addresses = [one.address for one in vouched] + [Address(text) for text in extra if is_address(text)]
    return names, [*addresses, *LOOPBACK]


def owner_directories(places: Iterable[CertificatePlace]) -> dict[str, str]:
    """The directories of these certificates, with their owner."""
    return {place.directory: place.user for place in places}
