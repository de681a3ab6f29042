"""The certificate authority of one cluster: its own, made once on the control machine, or the user's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cluster.errors import ConfigError
from cluster.pki.authority_problem import authority_problem
from cluster.pki.compatibility import ends_at
from cluster.pki.pem import (
    COMMON_NAME_LIMIT,
    IssuingKey,
    LeafRequest,
    certificate_pem,
    certificates_in,
    key_in,
    key_pem,
)
from cluster.secrets.private_files import private_directory, read_text, refuse_open_to_others, write_whole

CA_DAYS = 3650
# A host whose clock is a little behind must not refuse a certificate that was made a second ago.
BACKDATED = timedelta(minutes=5)
# Less would leave no time to replace a CA: every certificate it signs ends with it.
USER_CA_DAYS_FLOOR = 30


@dataclass(frozen=True)
class Leaf:
    """
    A certificate that was just issued, with the key made for it.

    + certificate_pem: the certificate, followed by the intermediate CAs that a server has to send with it
    + key_pem: PKCS8, unencrypted, because services start without anybody at the keyboard
    """

    certificate_pem: str
    key_pem: str

    def __repr__(self) -> str:
        return "Leaf(certificate_pem=..., key_pem='*MASKED*')"


@dataclass(frozen=True, repr=False)
class Authority:
    """
    A CA that can sign: its certificate first, then those above it up to the root, and the key of the first.

    + chain: one self-signed certificate, or an intermediate CA with everything above it
    + key: the private key of ``chain[0]``; it never leaves the control machine
    """

    chain: tuple[x509.Certificate, ...]
    key: IssuingKey

    @classmethod
    def load_or_create(cls, directory: Path, name: str, stem: str = "ca") -> Authority:
        """
        A CA of ours, made when there is none; runs at the same time get the same one.

        The key is written before the certificate. A run that was killed between the two has published nothing, so the
        next one takes the key up again. A certificate without its key is refused: hosts trust it already.

        + directory: holds ``<stem>.crt`` and ``<stem>.key``; private to its owner
        + name: goes into its subject, followed by "CA"
        """
        with private_directory(directory):
            certificate_path, key_path = directory / f"{stem}.crt", directory / f"{stem}.key"
            if not certificate_path.exists():
                key = _stored_key(key_path)
                write_whole(certificate_path, certificate_pem(_self_signed(name, key)), mode=0o644)
            return cls._own(certificate_path, key_path)

    @classmethod
    def of_plan(cls, directory: Path, name: str, stem: str = "ca") -> Authority:
        """
        The same for a run that only plans: where there is none yet, one that nobody will see and nobody keeps.

        + directory, name, stem: as for ``load_or_create``
        """
        certificate_path = directory / f"{stem}.crt"
        if certificate_path.exists():
            return cls._own(certificate_path, directory / f"{stem}.key")
        key = ec.generate_private_key(ec.SECP256R1())
        return cls((_self_signed(name, key),), key)

    @classmethod
    def _own(cls, certificate_path: Path, key_path: Path) -> Authority:
        if not key_path.exists():
            raise ConfigError(
                f"{certificate_path} is there but {key_path.name} is missing\n"
                f"HINT: restore {key_path} from your backup; without it no certificate of this cluster can be renewed."
            )
        refuse_open_to_others(key_path)
        authority = cls._read(certificate_path, key_path)
        authority._refuse_unfit(certificate_path, datetime.now(UTC), days_left=0)
        return authority

    @classmethod
    def from_user(cls, cert_path: Path, key_path: Path) -> Authority:
        """
        The user's own CA. Refused: unreadable, not a CA, chain without its root, a key that does not fit, near its end.

        + cert_path: PEM; for an intermediate CA its certificate first, then every CA above it up to the root
        + key_path: PEM, RSA or EC, unencrypted
        """
        authority = cls._read(cert_path, key_path)
        authority._refuse_unfit(cert_path, datetime.now(UTC), days_left=USER_CA_DAYS_FLOOR)
        return authority

    @classmethod
    def _read(cls, cert_path: Path, key_path: Path) -> Authority:
        chain = certificates_in(read_text(cert_path), name=str(cert_path))
        key = key_in(read_text(key_path), name=str(key_path))
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{key_path} is neither an RSA nor an EC key\nHINT: use a CA with one of these.")
        return cls(chain, key)

    def _refuse_unfit(self, path: Path, now: datetime, *, days_left: int) -> None:
        problem = authority_problem(self.chain, self.key, now, days_left=days_left)
        if problem is not None:
            raise ConfigError(f"{path}: {problem[0]}\nHINT: {problem[1]}")

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that signs."""
        return self.chain[0]

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """What a server sends after its own certificate: the chain without the root, which clients have."""
        return self.chain[:-1]

    @property
    def trust_pem(self) -> str:
        """What every host and client gets as its CA file: the whole chain with the root, never a key."""
        return "".join(map(certificate_pem, self.chain))

    @property
    def not_after(self) -> datetime:
        """When the first certificate of the chain ends; nothing that this CA signs is valid longer."""
        return min(ends_at(certificate) for certificate in self.chain)

    def issue(self, request: LeafRequest, *, now: datetime | None = None) -> Leaf:
        """
        Sign a new certificate for a new key. It ends with the CA at the latest.

        + now: the time it starts at, less five minutes for clocks that are behind
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._unsigned(request, key.public_key(), now or datetime.now(UTC)).sign(
            self.key, hashes.SHA256()
        )
        return Leaf("".join(map(certificate_pem, (certificate, *self.intermediates))), key_pem(key))

    def _unsigned(
        self, request: LeafRequest, public_key: ec.EllipticCurvePublicKey, now: datetime
    ) -> x509.CertificateBuilder:
        builder = (
            _dated(now - BACKDATED, min(now + timedelta(days=request.days), self.not_after))
            .subject_name(_name(request.common_name))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(sorted(request.usages, key=lambda oid: oid.dotted_string)), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_authority_key_identifier(self.certificate), critical=False)
        )
        names = request.general_names
        return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder


def _stored_key(path: Path) -> IssuingKey:
    if not path.exists():
        write_whole(path, key_pem(ec.generate_private_key(ec.SECP256R1())))
    refuse_open_to_others(path)
    key = key_in(read_text(path), name=str(path))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not a key that this project wrote\nHINT: move it away, or set your own CA.")
    return key


def _self_signed(name: str, key: IssuingKey) -> x509.Certificate:
    now, public_key = datetime.now(UTC), key.public_key()
    subject = _name(f"{name[: COMMON_NAME_LIMIT - 3]} CA")
    return (
        _dated(now - BACKDATED, now + timedelta(days=CA_DAYS))
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )


def _dated(start: datetime, end: datetime) -> x509.CertificateBuilder:
    # 128 random bits: two runs on two machines never hand out the same serial, and nobody can guess the next.
    serial = secrets.randbits(128) + 1
    return x509.CertificateBuilder().serial_number(serial).not_valid_before(start).not_valid_after(end)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, digital_signature: bool = False, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    # A user's CA may carry an identifier that is not the usual hash of its key; clients compare the two as they are.
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
