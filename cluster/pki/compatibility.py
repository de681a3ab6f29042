"""
What differs between versions of the library for certificates. A host judges itself with that of its release: Debian 12
has 38, Ubuntu 24.04 41.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def loaded(pem: bytes) -> Sequence[x509.Certificate]:
    """Every certificate of a PEM text. Raises ``ValueError`` where there is none, or one cannot be read."""
    if hasattr(x509, "load_pem_x509_certificates"):
        return x509.load_pem_x509_certificates(pem)
    if not (blocks := _BLOCK.findall(pem)):  # before version 39
        raise ValueError("no certificate")
    return [x509.load_pem_x509_certificate(block) for block in blocks]


def verify_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Verify the signature of a certificate. Raises where it is not the issuer's."""
    if hasattr(certificate, "verify_directly_issued_by"):
        certificate.verify_directly_issued_by(issuer)
    else:  # before version 40
        _verify(certificate, issuer)


def _verify(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    key, algorithm = issuer.public_key(), certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or algorithm is None:
        raise ValueError("of another issuer")
    signed = certificate.signature, certificate.tbs_certificate_bytes
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(*signed, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(*signed, ec.ECDSA(algorithm))
    else:
        raise ValueError("another kind of key")


def begins_at(certificate: x509.Certificate) -> datetime:
    """From when on a certificate is valid."""
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=UTC)  # before version 42


def ends_at(certificate: x509.Certificate) -> datetime:
    """When it ends."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=UTC)
