"""What the hosts have of the CA that vouches for etcd's certificates, and what one of them has to have by that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.declared.model import Cluster, Node
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import PATRONI_ETCD, CertificatePlace, Issuer
from cluster.pki.issuers import Duty, LeafSource
from cluster.verdicts.etcd_trust import Authorities, authorities, etcd_holders, etcd_places, keeps_former
from facts.certificates import HostCertificates
from operations.util.reading import read_each

# Patroni's one for everything, of earlier versions: its REST API shows it until it has loaded its new configuration.
FORMER_PATRONI = CertificatePlace("patroni", PATRONI_ETCD.directory, PATRONI_ETCD.user, client=True)

# Clusters of which ``etcd_duties`` has seen, in this run, that the former CA is not gone from all hosts. It spares the
# runs after that the question: whatever a run leaves undone, the next one sees again.
_between: set[str] = set()


def is_between(cluster: Cluster) -> bool:
    """Whether a host was seen in this run on which etcd's certificates are not, or not only, of its own CA."""
    return cluster.name in _between


def etcd_duties(
    cluster: Cluster, node: Node, sources: Mapping[Issuer, LeafSource], seen: Mapping[str, SeenCertificate]
) -> Iterable[Duty]:
    """
    What a host has to have at the places of which etcd lets in the certificates.

    + sources: where the cluster's certificates come from; + seen: ``HostCertificates`` of the host
    """
    between, places = authorities(sources), etcd_places(cluster, node)
    unsettled = [place for place in places if not between.is_settled(seen[place.certificate])]
    all_seen = held(cluster) if unsettled else {}
    for place in places:
        mine = seen[place.certificate]
        if between.trust(mine) in ("former", "both"):
            _between.add(cluster.name)
        others = (one for other, one in all_seen.items() if other != (node.name, place.certificate))
        if place in unsettled and keeps_former(between, mine, others):
            yield former_duty(between, sources["cluster"], place)
        else:
            yield own_duty(between, sources["etcd"], place, mine)


def former_duty(between: Authorities, source: LeafSource, place: CertificatePlace) -> Duty:
    """A certificate of the former CA, and trust in both. + source: of the cluster's"""
    asked = FORMER_PATRONI if place == PATRONI_ETCD else place
    return Duty(place, source, between.both, asked=asked, keeps=True)


def own_duty(between: Authorities, source: LeafSource, place: CertificatePlace, mine: SeenCertificate) -> Duty:
    """A certificate of etcd's own CA, and trust in that alone, unless the host still trusts both."""
    return Duty(place, source, between.both if between.trust(mine) == "both" else between.own)


def held(cluster: Cluster) -> dict[tuple[str, str], SeenCertificate]:
    """What lies at every such place of the cluster, by host and path; without the hosts that cannot be reached."""
    questions = {
        node.name: (
            HostCertificates,
            {"places": [[p.certificate, p.key, p.authority] for p in etcd_places(cluster, node)]},
        )
        for node in etcd_holders(cluster)
    }
    seen = read_each(questions)
    return {(name, path): one for name, found in seen.items() for path, one in (found or {}).items()}
