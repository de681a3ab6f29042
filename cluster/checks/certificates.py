"""What is wrong with the certificates on the hosts. Judged without the CA's key, which other machines need not have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.all import held_places
from cluster.declared.model import Node
from cluster.errors import ConfigError
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import CertificatePlace
from cluster.pki.pem import certificates_in, signed_by
from cluster.pki.verdicts import age_reason, describe

AUTHORITY_NOTICE = timedelta(days=90)


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about the certificates of the hosts that were reached, and about their CA."""
    for node in overview.reached(overview.cluster):
        seen = overview.answer(node, "certificates")
        for place in held_places(overview.cluster, node) if seen is not None else ():
            yield from _certificate(overview, node, place, seen[place.certificate])
    for whose, trust in (("the CA's", overview.trust), ("etcd's own CA's", overview.etcd_trust)):
        if trust is not None and (end := describe(trust).not_after) - overview.at < AUTHORITY_NOTICE:
            yield check_finding("authority-old", overview.cluster.name, f"{whose} certificate ends on {end:%Y-%m-%d}")


def _certificate(
    overview: Overview, node: Node, place: CertificatePlace, seen: SeenCertificate
) -> Iterable[CheckFinding]:
    if seen["pem"] is None:
        yield check_finding("certificate-absent", node.name, f"{place.certificate} is not there")
        return
    try:
        found = describe(seen["pem"])
    except ConfigError:
        yield check_finding("certificate-misfit", node.name, f"{place.certificate} is no certificate that can be read")
        return
    if seen["key_digest"] != found.key_fingerprint:
        yield check_finding("certificate-misfit", node.name, f"{place.certificate} does not fit {place.key}")
    if seen["key_owner"] not in ("", f"{place.user}:600"):
        problem = f"{place.key} is {seen['key_owner']}, not {place.user}:600"
        yield check_finding("certificate-misfit", node.name, problem)
    yield from _authority(overview, node, place, seen)
    reason = age_reason(found, overview.at)
    if reason is not None:
        ended = found.not_after <= overview.at or found.not_before > overview.at
        kind = "certificate-expired" if ended else "certificate-old"
        yield check_finding(kind, node.name, f"{place.component}: {reason}")


def _authority(
    overview: Overview, node: Node, place: CertificatePlace, seen: SeenCertificate
) -> Iterable[CheckFinding]:
    trust, whose = overview.trust, "the cluster's CA"
    if place.issuer == "etcd":
        if trust is not None and _shares(seen["authority"], trust):
            yield check_finding("etcd-ca-shared", node.name, f"{place.authority} trusts the cluster's CA")
            return
        trust, whose = overview.etcd_trust, "etcd's own CA"
    elif place.issuer != "cluster":
        trust = seen["authority"]  # what the other CAs of ours are, this machine need not know
    if trust is None:
        return
    # PostgreSQL trusts further CAs beside the cluster's.
    if not _certificates(seen["authority"]).issuperset(_certificates(trust)):
        yield check_finding("certificate-other-ca", node.name, f"{place.authority} is not {whose}")
    leaf, *above = certificates_in(seen["pem"] or "")
    if not any(signed_by(leaf, issuer) for issuer in (*_certificates(trust), *above)):
        yield check_finding("certificate-other-ca", node.name, f"{place.certificate} is signed by another CA")


def _certificates(text: str | None) -> set[x509.Certificate]:
    try:
        return set(certificates_in(text or ""))
    except ConfigError:
        return set()


def _shares(authority: str | None, trust: str) -> bool:
    """Whether a CA file has a CA of another one in it."""
    return not _certificates(authority).isdisjoint(_certificates(trust))


def days_left(seen: SeenCertificate, now: datetime) -> int | None:
    """Whole days until a certificate ends; None when there is none that can be read."""
    try:
        return (describe(seen["pem"]).not_after - now).days if seen["pem"] is not None else None
    except ConfigError:
        return None


def authority_words(overview: Overview) -> str:
    """How long the CAs last, for the screen of deploys/status.py."""
    if overview.trust is None:
        return "its certificate is not on this machine"
    days = [(describe(trust).not_after - overview.at).days for trust in (overview.trust, overview.etcd_trust) if trust]
    return f"its certificate has {days[0]} days left" + "".join(f", that of etcd's own {left}" for left in days[1:])
