"""Where a host's certificates come from: a CA that we hold the key of, or files that the user supplies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import POSTGRES, CertificatePlace, Issuer, leaf_request
from cluster.pki.pem import certificates_in
from cluster.pki.verdicts import Authority, Leaf, age_reason, describe, renewal_reason

# Names of the files of the CAs that are always ours, beside those of the cluster's.
ETCD_AUTHORITY = "etcd-ca"
OWN_AUTHORITIES: Mapping[Issuer, str] = {"etcd": ETCD_AUTHORITY, "pgbackrest": "pgbackrest-ca", "members": "members-ca"}
# Made where monitoring is declared: others have no use for it.
MONITORING_AUTHORITY = "monitoring-ca"


class LeafSource(Protocol):
    """Gives each component of each host its certificate, and says when the one on the host must be replaced."""

    @property
    def trust_pem(self) -> str:
        """The CA file for every host and client."""

    def renewal_reason(self, node: Node, place: CertificatePlace, pem: str | None, now: datetime) -> str | None:
        """Why the certificate on the host is to be replaced, or None. + pem: as it is on the host, None when absent"""

    def leaf(self, node: Node, place: CertificatePlace) -> Leaf:
        """The certificate to put there, with its key."""


@dataclass(frozen=True)
class IssuedLeaves:
    """Certificates that we sign."""

    cluster: Cluster
    authority: Authority

    @property
    def trust_pem(self) -> str:
        """See LeafSource."""
        return self.authority.trust_pem

    def renewal_reason(self, node: Node, place: CertificatePlace, pem: str | None, now: datetime) -> str | None:
        """See LeafSource."""
        return renewal_reason(pem, leaf_request(self.cluster, node, place), self.authority, now)

    def leaf(self, node: Node, place: CertificatePlace) -> Leaf:
        """See LeafSource. Signed anew at every call."""
        return self.authority.issue(leaf_request(self.cluster, node, place))


@dataclass(frozen=True)
class SuppliedLeaves:
    """Certificates that the user made: ``<host>/<component>.crt`` and ``.key`` in a directory with a ``ca.crt``."""

    directory: Path

    @property
    def trust_pem(self) -> str:
        """See LeafSource."""
        return self._read("ca.crt")

    def renewal_reason(self, node: Node, place: CertificatePlace, pem: str | None, now: datetime) -> str | None:
        """See LeafSource. The user renews; what lies in the directory is what shall lie on the host."""
        if pem is None:
            return "absent"
        declared = self.leaf(node, place).certificate_pem
        return None if _same_certificates(pem, declared) else "another one is declared"

    def leaf(self, node: Node, place: CertificatePlace) -> Leaf:
        """See LeafSource."""
        stem = f"{node.name}/{place.component}"
        return Leaf(self._read(f"{stem}.crt"), self._read(f"{stem}.key"))

    def _read(self, name: str) -> str:
        try:
            return (self.directory / name).read_text()
        except OSError as error:
            raise ConfigError(
                f"certificates_directory: {self.directory / name} cannot be read ({error.strerror})\n"
                "HINT: supply <host>/<component>.crt and .key for every host, and ca.crt; see docs/certificates.md."
            ) from error


def leaf_source(cluster: Cluster, secrets_directory: Path, *, plans: bool = False) -> LeafSource:
    """
    Where the certificates of a cluster come from, as declared: the user's files, the user's CA, or a CA of its own.

    + secrets_directory: where the cluster's own CA is kept, or made once
    + plans: this run only plans, and writes down no CA
    """
    settings = cluster.settings
    if settings.certificates_directory is not None:
        return SuppliedLeaves(Path(settings.certificates_directory))
    if settings.certificates_ca_certificate is not None and settings.certificates_ca_key is not None:
        own = Authority.from_user(Path(settings.certificates_ca_certificate), Path(settings.certificates_ca_key))
        return IssuedLeaves(cluster, own)
    made = Authority.of_plan if plans else Authority.load_or_create
    return IssuedLeaves(cluster, made(secrets_directory, cluster.name))


def leaf_sources(
    cluster: Cluster, secrets_directory: Path, source_secrets: Path | None = None, *, plans: bool = False
) -> Mapping[Issuer, LeafSource]:
    """
    Where the certificates of each kind of place come from. Those of etcd, of pgBackRest and of the cluster's own roles
    are ours whatever CA the rest uses: they let in, and the user's CA, or the user's files, vouch for others too.

    + secrets_directory: where the CAs of our own are kept, or made once
    + source_secrets: where those of its source are, for a standby cluster
    + plans: this run only plans, and makes none of these
    """
    made = Authority.of_plan if plans else Authority.load_or_create
    own: dict[Issuer, LeafSource] = {
        issuer: IssuedLeaves(cluster, made(secrets_directory, f"{cluster.name} {issuer}", stem))
        for issuer, stem in own_authorities(cluster).items()
    }
    if cluster.source is not None and source_secrets is not None:
        own["source"] = leaf_sources(cluster.source, source_secrets, plans=plans)["members"]
    return {"cluster": leaf_source(cluster, secrets_directory, plans=plans), **own}


def own_authorities(cluster: Cluster) -> dict[Issuer, str]:
    """The CAs of a cluster that are always ours, each with the name of its files."""
    return {**OWN_AUTHORITIES, **({"monitoring": MONITORING_AUTHORITY} if cluster.settings.monitoring else {})}


def trust_pem(place: CertificatePlace, sources: Mapping[Issuer, LeafSource]) -> str:
    """
    The CA file beside a certificate. PostgreSQL has one for all that it lets in by certificate: its members, and those
    who come with one that the user's lines of pg_hba ask for. + sources: ``leaf_sources``
    """
    if place.directory != POSTGRES.directory:
        return sources[place.issuer].trust_pem
    issuers: tuple[Issuer, ...] = ("cluster", "members", "source")
    return "".join(sources[issuer].trust_pem.rstrip("\n") + "\n" for issuer in issuers if issuer in sources)


def is_known_trust(place: CertificatePlace, seen: str, sources: Mapping[Issuer, LeafSource]) -> bool:
    """
    Whether a CA file that is on a host is one of this cluster: it has the CA of its place in it, or the cluster's, as
    every place had before pgBackRest had its own. + seen: the file; + sources: ``leaf_sources``
    """
    try:
        found = set(certificates_in(seen))
    except ConfigError:
        return False
    known: tuple[Issuer, ...] = (place.issuer, "cluster")
    return any(found.issuperset(certificates_in(sources[issuer].trust_pem)) for issuer in known)


def _same_certificates(pem: str, declared: str) -> bool:
    """Whether two texts hold the same certificates; what stands between them says nothing."""
    try:
        return certificates_in(pem) == certificates_in(declared)
    except ConfigError:
        return False


def authority_path(cluster: Cluster, secrets_directory: Path) -> Path:
    """Where on the control machine the CA's certificate lies that clients need."""
    settings = cluster.settings
    if settings.certificates_directory is not None:
        return Path(settings.certificates_directory) / "ca.crt"
    return Path(settings.certificates_ca_certificate or secrets_directory / "ca.crt")


def etcd_authority_path(secrets_directory: Path) -> Path:
    """Where on the control machine the certificate of etcd's CA lies."""
    return secrets_directory / f"{ETCD_AUTHORITY}.crt"


@dataclass(frozen=True)
class Duty:
    """
    What a host has to have at one place.

    + place: where the files lie; + asked: as what the certificate is asked for, where it is not the place's own kind
    + source: where the certificate comes from; + trust: the CA file beside it
    + keeps: the certificate stays, whatever it says, as long as it is valid
    """

    place: CertificatePlace
    source: LeafSource
    trust: str
    asked: CertificatePlace | None = None
    keeps: bool = False

    def renewal_reason(self, node: Node, seen: SeenCertificate, now: datetime) -> str | None:
        """See LeafSource. + seen: the certificate as it is on the host"""
        if not self.keeps or seen["pem"] is None:
            return self.source.renewal_reason(node, self.place, seen["pem"], now)
        try:
            return age_reason(describe(seen["pem"]), now)
        except ConfigError:
            return "unreadable"

    def leaf(self, node: Node) -> Leaf:
        """See LeafSource."""
        return self.source.leaf(node, self.asked or self.place)
