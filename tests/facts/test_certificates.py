"""Certificates on a host, tried with real ones on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from cluster.pki.verdicts import Authority, LeafRequest, public_key_digest
from facts.certificates import CertificateDays, HostCertificates
from tests.judges import needs_openssl

TestHostCertificates = make_fact_tests(
    "facts", "certificates.HostCertificates", Path(__file__).parent / "certificates.HostCertificates"
)


def look(*place: Path) -> dict[str, str | None]:
    command = HostCertificates().command(places=[[str(path) for path in place]])
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    seen: dict[str, str | None] = HostCertificates().process(done.stdout.splitlines())[str(place[0])]
    return seen


def place(directory: Path) -> tuple[Path, Path, Path]:
    """A certificate, its key and its CA, as a run puts them on a host."""
    authority = Authority.load_or_create(directory / "authority", "main")
    leaf = authority.issue(LeafRequest("pg1", ("pg1",), (), server=True, client=False, days=30))
    paths = (directory / "leaf.crt", directory / "it's a key", directory / "ca.crt")
    for path, text in zip(paths, (leaf.certificate_pem, leaf.key_pem, authority.trust_pem), strict=True):
        path.write_text(text)
        path.chmod(0o600)
    return paths


@needs_openssl
def test_the_digest_of_the_key_is_that_of_its_certificate(tmp_path: Path) -> None:
    paths = place(tmp_path)
    seen = look(*paths)
    assert seen["pem"] == paths[0].read_text()
    assert seen["authority"] == paths[2].read_text()
    assert seen["key_digest"] == public_key_digest(paths[0].read_text())
    assert str(seen["key_owner"]).endswith(":600")


@needs_openssl
def test_another_key_has_another_digest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (certificate, _, authority), (_, key, _) = place(tmp_path / "a"), place(tmp_path / "b")
    assert look(certificate, key, authority)["key_digest"] != public_key_digest(certificate.read_text())


def test_what_is_absent_is_none(tmp_path: Path) -> None:
    seen = look(tmp_path / "no.crt", tmp_path / "no.key", tmp_path / "no-ca.crt")
    assert (seen["pem"], seen["authority"], seen["key_owner"]) == (None, None, "")


def test_no_key_leaves_the_host(tmp_path: Path) -> None:
    paths = place(tmp_path)
    command = HostCertificates().command(places=[[str(path) for path in paths]])
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert "".join(paths[1].read_text().split()[3:-3])[:40] not in done.stdout
    assert "PRIVATE" not in done.stdout


def test_days_left_are_counted_by_the_hosts_own_clock() -> None:
    now = 1_800_000_000  # of January 15th
    ends = {"etcd": "Jan 16 20:00:00 2027 GMT", "ca": "Jan 14 08:00:00 2027 GMT"}
    lines = [f"/etc/etcd/pki/{name}.crt|{end}|{now}" for name, end in ends.items()]
    assert CertificateDays().process(lines) == {"/etc/etcd/pki/etcd.crt": 1.5, "/etc/etcd/pki/ca.crt": -1.0}


@needs_openssl
def test_every_certificate_of_ours_is_counted_and_of_several_the_first_to_end(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path / "authority", "main")
    requests = [LeafRequest("pg1", ("pg1",), (), server=True, client=False, days=days) for days in (30, 10)]
    long, short = (authority.issue(request) for request in requests)
    files = {
        "etcd/pki/etcd.crt": long.certificate_pem,
        "haproxy/pki/haproxy.pem": short.certificate_pem + short.key_pem,
        "patroni/rest/patroni.crt": long.certificate_pem,
        "pgbackrest/server/server.crt": long.certificate_pem,
        "pgbackrest/source/client.crt": short.certificate_pem,
        "postgresql/pki/ca.crt": authority.trust_pem + short.certificate_pem + long.certificate_pem,
    }
    for name, text in files.items():
        path = tmp_path / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = CertificateDays().command().replace("/etc/", f"{tmp_path}/etc/")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    found = CertificateDays().process(done.stdout.splitlines())
    days = {path.removeprefix(f"{tmp_path}/etc/"): round(left) for path, left in found.items()}
    assert days == {name: 10 if short.certificate_pem in text else 30 for name, text in files.items()}
    (tmp_path / "etc/etcd/pki/etcd.crt").write_text("no certificate\n")
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode != 0


def test_a_certificate_that_cannot_be_read_is_no_certificate_with_days_left() -> None:
    with pytest.raises(FactProcessError, match="CertificateDays cannot be read"):
        CertificateDays().process(["/etc/etcd/pki/etcd.crt||1800000000"])
    assert "|| exit 1" in CertificateDays().command()
