"""Where a host's certificates come from: a CA that we hold the key of, or files that the user supplies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cluster.certificates import CertificatePlace, leaf_request
from cluster.errors import ConfigError
from cluster.model import Cluster, Node
from cluster.pki import Authority, Leaf, renewal_reason
from cluster.pki_pem import certificates_in


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


def leaf_source(cluster: Cluster, secrets_directory: Path, *, keep: bool = True) -> LeafSource:
    """
    Where the certificates of a cluster come from, as declared: the user's files, the user's CA, or a CA of its own.

    + secrets_directory: where the cluster's own CA is kept, or made once
    + keep: False: a CA that is made is for a plan, and written nowhere
    """
    settings = cluster.settings
    if settings.certificates_directory is not None:
        return SuppliedLeaves(Path(settings.certificates_directory))
    if settings.certificates_ca_certificate is not None and settings.certificates_ca_key is not None:
        own = Authority.from_user(Path(settings.certificates_ca_certificate), Path(settings.certificates_ca_key))
        return IssuedLeaves(cluster, own)
    return IssuedLeaves(cluster, Authority.load_or_create(secrets_directory, cluster.name, keep=keep))


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
