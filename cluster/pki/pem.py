"""Certificates and keys as PEM text: what is asked for, reading, writing, who signed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from cluster.errors import ConfigError
from cluster.pki.compatibility import loaded, verify_issued_by

if TYPE_CHECKING:  # the library of Debian 12 has them under other names, see compatibility.py
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PrivateKeyTypes,
        PublicKeyTypes,
    )

IPAddress: TypeAlias = IPv4Address | IPv6Address
IssuingKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

COMMON_NAME_LIMIT = 64  # X.520, ub-common-name
DNS_NAME = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*", re.IGNORECASE)


@dataclass(frozen=True)
class LeafRequest:
    """
    What a certificate shall say. Refused when no certificate can say it.

    + common_name: 64 characters at most; a longer host name belongs into ``dns_names`` alone
    + dns_names: in any order; upper and lower case are the same
    + addresses: in any order
    + server: accepted by clients; + client: accepted by servers that ask for a certificate
    + days: how long it is valid
    """

    common_name: str
    dns_names: tuple[str, ...]
    addresses: tuple[IPAddress, ...]
    server: bool
    client: bool
    days: int

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ConfigError(f"certificate for {self.common_name!r}: {problem[0]}\nHINT: {problem[1]}")

    def _problem(self) -> tuple[str, str] | None:
        if not 1 <= len(self.common_name) <= COMMON_NAME_LIMIT:
            return f"common name of {len(self.common_name)} characters, 1 to 64 are allowed", "use the short host name."
        if strange := [name for name in self.dns_names if not DNS_NAME.fullmatch(name)]:
            return f"'{strange[0]}' is not a DNS name", "write international names in their xn-- form."
        if self.server and not (self.dns_names or self.addresses):
            return "a server certificate without any name or address", "clients look at these, not at the common name."
        if not (self.server or self.client):
            return "neither for a server nor for a client", "say what it is for."
        return None if self.days > 0 else (f"valid for {self.days} days", "a certificate lives for one day at least.")

    @property
    def names(self) -> frozenset[str]:
        """Every name and address in one spelling, to compare with a certificate."""
        return frozenset(name.lower() for name in self.dns_names) | {str(item) for item in self._plain_addresses}

    @property
    def usages(self) -> frozenset[x509.ObjectIdentifier]:
        """The extended key usages it asks for."""
        return usages_of(server=self.server, client=self.client)

    @property
    def general_names(self) -> list[x509.GeneralName]:
        """The subject alternative names, each once, always in the same order."""
        dns = sorted({name.lower() for name in self.dns_names})
        addresses = sorted(self._plain_addresses, key=lambda item: (item.version, int(item)))
        return [*map(x509.DNSName, dns), *map(x509.IPAddress, addresses)]

    @property
    def _plain_addresses(self) -> frozenset[IPAddress]:
        # fe80::1%eth0: a certificate has no room for the scope, so the comparison must not see it either.
        return frozenset(ip_address(item.packed) for item in self.addresses)


def is_address(value: object) -> TypeGuard[IPAddress]:
    """Whether a name in a certificate is an address; a network, which is possible too, names no host."""
    return isinstance(value, IPv4Address | IPv6Address)


def usages_of(*, server: bool, client: bool) -> frozenset[x509.ObjectIdentifier]:
    """The extended key usages of a certificate that serves, or asks, or both."""
    wanted = {ExtendedKeyUsageOID.SERVER_AUTH: server, ExtendedKeyUsageOID.CLIENT_AUTH: client}
    return frozenset(oid for oid, asked in wanted.items() if asked)


def certificates_in(pem: str, *, name: str = "certificate") -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM text in its order, one at least. + name: what a refusal calls the text"""
    try:
        found = tuple(loaded(pem.encode()))
        # cryptography parses extensions on first use; a broken one shall be refused here and nowhere else.
        for certificate in found:
            _ = certificate.extensions, certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ConfigError(
            f"{name} is not readable as a PEM certificate\nHINT: it begins with '-----BEGIN CERTIFICATE-----'."
        ) from error
    return found


def key_in(pem: str, *, name: str = "key") -> PrivateKeyTypes:
    """The private key of a PEM text. + name: what a refusal calls the text, which is never shown"""
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError as error:
        raise ConfigError(
            f"{name} is encrypted\nHINT: remove its passphrase with 'openssl pkey -in OLD -out NEW'."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{name} is not readable as a PEM private key\nHINT: it begins with '-----BEGIN PRIVATE KEY-----'."
        ) from error


def certificate_pem(certificate: x509.Certificate) -> str:
    """One certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: IssuingKey) -> str:
    """One private key as PEM, PKCS8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_key_sha256(key: PublicKeyTypes | CertificatePublicKeyTypes) -> str:
    """Lower-case hex SHA-256 of the SubjectPublicKeyInfo in DER."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the signature is really the issuer's; names alone prove nothing."""
    try:
        verify_issued_by(certificate, issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether a certificate is a CA's."""
    try:
        extensions = certificate.extensions
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.KeyUsage.oid
