"""Certificates are read and verified by older versions of the library as by the one that we have."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from cluster.pki import compatibility
from cluster.pki.certificates import PATRONI, leaf_request
from cluster.pki.verdicts import Authority
from tests.world.hosts import fake_cluster


@pytest.fixture(name="pair")
def _pair(tmp_path: Path) -> tuple[x509.Certificate, x509.Certificate]:
    """A certificate, and that of its CA."""
    authority = Authority.load_or_create(tmp_path / "ca", "main")
    cluster = fake_cluster()
    leaf = authority.issue(leaf_request(cluster, cluster.members[0], PATRONI)).certificate_pem
    return compatibility.loaded(leaf.encode())[0], compatibility.loaded(authority.trust_pem.encode())[0]


def test_several_certificates_in_a_text(
    pair: tuple[x509.Certificate, x509.Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"# a remark\n" + b"".join(one.public_bytes(Encoding.PEM) for one in pair)
    monkeypatch.delattr(x509, "load_pem_x509_certificates")
    assert list(compatibility.loaded(text)) == list(pair)
    with pytest.raises(ValueError, match="no certificate"):
        compatibility.loaded(b"nothing")


def test_a_signature(pair: tuple[x509.Certificate, x509.Certificate]) -> None:
    leaf, issuer = pair
    compatibility._verify(leaf, issuer)
    with pytest.raises((ValueError, InvalidSignature)):
        compatibility._verify(leaf, leaf)


def test_when_a_certificate_is_valid(pair: tuple[x509.Certificate, x509.Certificate]) -> None:
    leaf, _ = pair
    begins, ends = compatibility.begins_at(leaf), compatibility.ends_at(leaf)
    older = SimpleNamespace(not_valid_before=begins.replace(tzinfo=None), not_valid_after=ends.replace(tzinfo=None))
    assert (compatibility.begins_at(older), compatibility.ends_at(older)) == (begins, ends)  # type: ignore[arg-type]
