"""
Which CA etcd's certificates are of. Earlier versions had one CA for everything, and etcd let in whomever it vouched
for, the repository host and HAProxy among them; a living cluster is brought to a CA of etcd's own with both trusted
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cluster.components.all import certificate_places
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import CertificatePlace, Issuer
from cluster.pki.issuers import LeafSource
from cluster.pki.pem import certificates_in, signed_by

Trust: TypeAlias = Literal["absent", "former", "both", "own", "foreign"]


@dataclass(frozen=True)
class Authorities:
    """
    The CAs between which etcd's certificates may be, as CA files.

    + own: of etcd's own CA; + former: of the cluster's, which vouched for etcd before
    """

    own: str
    former: str

    @property
    def both(self) -> str:
        """A CA file that trusts either."""
        return self.own.rstrip("\n") + "\n" + self.former

    def trust(self, seen: SeenCertificate) -> Trust:
        """Whom a host's CA file trusts. + seen: the certificate beside it, as ``HostCertificates`` says"""
        if seen["authority"] is None:
            return "absent"
        try:
            found = frozenset(certificates_in(seen["authority"]))
        except ConfigError:
            return "foreign"
        own, former = frozenset(certificates_in(self.own)), frozenset(certificates_in(self.former))
        if found <= own:
            return "own"
        if found <= former:
            return "former"
        return "both" if own <= found and found <= own | former else "foreign"

    def is_own(self, seen: SeenCertificate) -> bool:
        """Whether a certificate is one of etcd's own CA. + seen: as ``HostCertificates`` says"""
        try:
            leaf = certificates_in(seen["pem"] or "")[0]
        except (ConfigError, IndexError):
            return False
        return signed_by(leaf, certificates_in(self.own)[0])

    def is_settled(self, seen: SeenCertificate) -> bool:
        """Whether nothing of the former CA is left at a place."""
        return self.trust(seen) == "own" and self.is_own(seen)


def authorities(sources: Mapping[Issuer, LeafSource]) -> Authorities:
    """The two of a cluster. + sources: where its certificates come from"""
    return Authorities(sources["etcd"].trust_pem, sources["cluster"].trust_pem)


def etcd_places(cluster: Cluster, node: Node) -> tuple[CertificatePlace, ...]:
    """The certificates of a host that etcd lets in."""
    return tuple(place for place in certificate_places(cluster, node) if place.issuer == "etcd")


def etcd_holders(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts that have such certificates: etcd's, and the members, whose Patroni asks etcd."""
    return tuple(node for node in cluster if etcd_places(cluster, node))


def keeps_former(between: Authorities, mine: SeenCertificate, others: Iterable[SeenCertificate]) -> bool:
    """
    Whether a place must trust both CAs and keep, or get, a certificate of the former one for now.

    So it must as long as others show certificates of the former CA, or do not trust the own one yet. The change is
    decided by what all hosts have, so that a run which was cut off is gone on with, and a host which joins meanwhile
    is believed by all others.

    + mine: what lies at the place, which is not settled; + others: at all other places that could be looked at
    """
    there = [one for one in others if between.trust(one) != "absent" and one["pem"] is not None]
    if between.trust(mine) == "own" or between.is_own(mine):
        return False
    if not there:
        return between.trust(mine) != "absent"
    return not all(between.is_own(one) and between.trust(one) in ("own", "both") for one in there)
