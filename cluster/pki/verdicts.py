"""Verdicts on certificates: what one says, why it must be renewed, what is wrong with one that a user supplied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.errors import ConfigError
from cluster.pki.authority import Authority, Leaf
from cluster.pki.compatibility import begins_at, ends_at
from cluster.pki.pem import (
    IPAddress,
    LeafRequest,
    certificates_in,
    is_address,
    key_in,
    may_sign,
    public_key_sha256,
    signed_by,
    usages_of,
)

__all__ = [
    "Authority",
    "Certificate",
    "Leaf",
    "LeafRequest",
    "age_reason",
    "check_user_leaf",
    "describe",
    "public_key_digest",
    "renewal_reason",
]

USAGE_WORDS = {ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth", ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth"}
Kind = TypeVar("Kind", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Certificate:
    """
    What a certificate says about itself; nothing of it is proved.

    + dns_names, addresses: sorted, names in lower case
    + server, client: its extended key usage; both False when it has none
    + key_fingerprint: see ``public_key_digest``
    + authority_key_id: hex; None when it names none
    """

    subject_cn: str
    issuer_cn: str
    serial: int
    not_before: datetime
    not_after: datetime
    dns_names: tuple[str, ...]
    addresses: tuple[IPAddress, ...]
    server: bool
    client: bool
    is_ca: bool
    key_fingerprint: str
    authority_key_id: str | None

    @property
    def names(self) -> frozenset[str]:
        """Every name and address, to compare with ``LeafRequest.names``."""
        return frozenset(self.dns_names) | {str(address) for address in self.addresses}

    @property
    def usages(self) -> frozenset[x509.ObjectIdentifier]:
        """To compare with ``LeafRequest.usages``."""
        return usages_of(server=self.server, client=self.client)


def describe(pem: str) -> Certificate:
    """What the first certificate of a PEM text says. Refused when it is not readable."""
    return _described(certificates_in(pem)[0])


def public_key_digest(pem: str) -> str:
    """
    The fingerprint of the key that belongs to a certificate, as a host computes it from the key beside it.

    On the host: ``openssl pkey -in KEY -pubout -outform DER | sha256sum``. So the two are compared and no key travels.
    """
    return describe(pem).key_fingerprint


def renewal_reason(observed_pem: str | None, request: LeafRequest, authority: Authority, now: datetime) -> str | None:
    """
    Why a host needs a new certificate, in a short phrase; None when the one it has stays.

    + observed_pem: the file as it is on the host; None when it is absent
    + request: names must be exactly these, in any order; a name too many is a name too many
    """
    if observed_pem is None:
        return "absent"
    try:
        leaf, *above = certificates_in(observed_pem)
    except ConfigError:
        return "unreadable"
    seen = _described(leaf)
    if not signed_by(leaf, authority.certificate):
        return "signed by another CA"
    if tuple(above) != authority.intermediates:
        return "the CA certificates after it differ"
    return _content_reason(seen, request) or age_reason(seen, now)


def check_user_leaf(cert_pem: str, key_pem: str, request: LeafRequest, ca_pem: str, now: datetime) -> list[str]:
    """
    What is wrong with a certificate that the user supplied; empty when it can be used.

    More names than needed are fine, and a wildcard covers one label, because the user's CA may have its own rules.

    + cert_pem: the certificate first, then intermediate CAs if it has any
    + ca_pem: what clients will trust
    """
    try:
        leaf, *above = certificates_in(cert_pem)
        anchors = certificates_in(ca_pem, name="CA file")
        key = public_key_sha256(key_in(key_pem).public_key())
    except ConfigError as error:
        return [str(error).partition("\n")[0]]
    seen = _described(leaf)
    problems = [
        "the key does not fit the certificate" if key != seen.key_fingerprint else None,
        None if _leads_to(leaf, above, anchors, now) else "not signed by the CA, directly or by the CAs in its file",
        "lacks authorityKeyIdentifier, which Python 3.13 on the hosts refuses" if not seen.authority_key_id else None,
        _listed("lacks ", (name for name in request.names if not _covered(name, seen))),
        _listed("lacks usage ", (USAGE_WORDS[oid] for oid in request.usages - seen.usages)),
        f"expired on {seen.not_after:%Y-%m-%d}" if seen.not_after <= now else None,
        f"not valid before {seen.not_before:%Y-%m-%d %H:%M} UTC" if seen.not_before > now else None,
    ]
    return [problem for problem in problems if problem]


def _described(certificate: x509.Certificate) -> Certificate:
    extensions = certificate.extensions
    names = _extension(extensions, x509.SubjectAlternativeName)
    usages = tuple(_extension(extensions, x509.ExtendedKeyUsage) or ())
    constraints = _extension(extensions, x509.BasicConstraints)
    authority_key = _extension(extensions, x509.AuthorityKeyIdentifier)
    identifier = authority_key.key_identifier if authority_key else None
    dns_names = (name.lower() for name in names.get_values_for_type(x509.DNSName)) if names else ()
    addresses = [value for value in names.get_values_for_type(x509.IPAddress) if is_address(value)] if names else []
    return Certificate(
        subject_cn=_common_name(certificate.subject),
        issuer_cn=_common_name(certificate.issuer),
        serial=certificate.serial_number,
        not_before=begins_at(certificate),
        not_after=ends_at(certificate),
        dns_names=tuple(sorted(dns_names)),
        addresses=tuple(sorted(addresses, key=str)),
        server=ExtendedKeyUsageOID.SERVER_AUTH in usages,
        client=ExtendedKeyUsageOID.CLIENT_AUTH in usages,
        is_ca=bool(constraints and constraints.ca),
        key_fingerprint=public_key_sha256(certificate.public_key()),
        authority_key_id=identifier.hex() if identifier else None,
    )


def _extension(extensions: x509.Extensions, kind: type[Kind]) -> Kind | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _common_name(name: x509.Name) -> str:
    return ", ".join(str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME))


def _content_reason(seen: Certificate, request: LeafRequest) -> str | None:
    if seen.subject_cn != request.common_name:
        return f"common name differs: {seen.subject_cn!r}, not {request.common_name!r}"
    return _difference("names differ", seen.names, request.names) or _difference(
        "usage differs", _words(seen.usages), _words(request.usages)
    )


def _difference(what: str, seen: frozenset[str], wanted: frozenset[str]) -> str | None:
    parts = (_listed("lacks ", wanted - seen), _listed("has also ", seen - wanted))
    return f"{what}: {'; '.join(part for part in parts if part)}" if seen != wanted else None


def age_reason(seen: Certificate, now: datetime) -> str | None:
    """Why a certificate is to be renewed by its age alone: not valid now, or in the last third of its life."""
    life, left = seen.not_after - seen.not_before, seen.not_after - now
    if seen.not_before > now:
        return f"not valid before {seen.not_before:%Y-%m-%d %H:%M} UTC"
    if seen.not_after <= now:
        return f"expired on {seen.not_after:%Y-%m-%d}"
    # A third of 180 days are two months of runs that may fail before anything breaks.
    return f"less than a third of its life left: {left.days} of {life.days} days" if left < life / 3 else None


def _leads_to(
    leaf: x509.Certificate, above: Sequence[x509.Certificate], anchors: Iterable[x509.Certificate], now: datetime
) -> bool:
    if any(_may_issue(anchor, leaf, now) for anchor in anchors):
        return True
    return any(
        _may_issue(issuer, leaf, now) and _leads_to(issuer, [*above[:n], *above[n + 1 :]], anchors, now)
        for n, issuer in enumerate(above)
    )


def _may_issue(issuer: x509.Certificate, leaf: x509.Certificate, now: datetime) -> bool:
    valid = begins_at(issuer) <= now < ends_at(issuer)
    return valid and may_sign(issuer) and signed_by(leaf, issuer)


def _covered(name: str, seen: Certificate) -> bool:
    return name in seen.names or f"*.{name.partition('.')[2]}" in seen.dns_names


def _words(usages: frozenset[x509.ObjectIdentifier]) -> frozenset[str]:
    return frozenset(USAGE_WORDS[oid] for oid in usages)


def _listed(prefix: str, items: Iterable[str]) -> str | None:
    found = sorted(items)
    return prefix + ", ".join(found) if found else None
