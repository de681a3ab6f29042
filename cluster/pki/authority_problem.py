"""Verdict on a certificate authority: why it cannot sign for a cluster."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from cluster.pki.compatibility import begins_at, ends_at
from cluster.pki.pem import IssuingKey, may_sign, public_key_sha256, signed_by

Problem: TypeAlias = tuple[str, str]  # what is wrong, and the hint

# OpenSSL's security level 2, the default of Debian and Ubuntu, refuses shorter RSA keys.
RSA_BITS_FLOOR = 2048


def authority_problem(
    chain: tuple[x509.Certificate, ...], key: IssuingKey, now: datetime, *, days_left: int
) -> Problem | None:
    """
    What is wrong first, and the way out; None for a CA that can sign.

    + chain: the certificate that signs, then those above it up to the root
    + days_left: how long each of them must still be valid
    """
    problem = _key_problem(chain[0], key) or _chain_problem(chain)
    for certificate in chain:
        problem = problem or _ca_problem(certificate, now, days_left)
    return problem or _lax_problem(chain[0])


def _key_problem(certificate: x509.Certificate, key: IssuingKey) -> Problem | None:
    if public_key_sha256(key.public_key()) != public_key_sha256(certificate.public_key()):
        return "the key does not fit the certificate", "give the key that belongs to the first certificate of the file."
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS_FLOOR:
        return f"RSA key of {key.key_size} bits, {RSA_BITS_FLOOR} are the least", "OpenSSL on the hosts refuses it."
    return None


def _lax_problem(certificate: x509.Certificate) -> Problem | None:
    """What Python from 3.13 on, with which Patroni verifies, no longer forgives the CA that signs."""
    found = {type(one.value): one.critical for one in certificate.extensions}
    lacking = [kind.oid._name for kind in (x509.KeyUsage, x509.SubjectKeyIdentifier) if kind not in found]
    if lacking or not found[x509.BasicConstraints]:
        what = f"lacks {' and '.join(lacking)}" if lacking else "has basicConstraints that are not critical"
        hint = "have it made with critical basicConstraints, keyUsage keyCertSign, cRLSign and subjectKeyIdentifier."
        return f"'{certificate.subject.rfc4514_string()}' {what}, which Python 3.13 on the hosts refuses", hint
    return None


def _chain_problem(chain: tuple[x509.Certificate, ...]) -> Problem | None:
    for certificate, above in pairwise(chain):
        if not signed_by(certificate, above):
            subject = certificate.subject.rfc4514_string()
            return f"'{subject}' is not signed by the one after it", "order the file from the signing CA to the root."
    if not signed_by(chain[-1], chain[-1]):
        subject = chain[-1].subject.rfc4514_string()
        hint = "append the CAs above it up to the root; OpenSSL trusts no chain that ends before."
        return f"the chain ends at '{subject}', which is not a root", hint
    return None


def _ca_problem(certificate: x509.Certificate, now: datetime, days_left: int) -> Problem | None:
    subject, end = certificate.subject.rfc4514_string(), ends_at(certificate)
    if not may_sign(certificate):
        return f"'{subject}' is not a CA", "BasicConstraints must say CA:TRUE, and KeyUsage, if any, keyCertSign."
    if begins_at(certificate) > now:
        return (
            f"'{subject}' is not valid before {begins_at(certificate)}",
            "compare the clock of this machine.",
        )
    if end <= now:
        return f"'{subject}' expired on {end:%Y-%m-%d}", "replace the CA; every certificate below it has ended too."
    if end < now + timedelta(days=days_left):
        return f"'{subject}' expires on {end:%Y-%m-%d}, in less than {days_left} days", "renew the CA first."
    return None
