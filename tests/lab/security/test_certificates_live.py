"""Certificates of a living cluster: replaced while PostgreSQL runs on, the user's own served, wrong ones refused."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from psycopg.conninfo import make_conninfo

from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PATRONI_ETCD, POSTGRES, CertificatePlace
from cluster.pki.issuers import ETCD_AUTHORITY
from cluster.pki.verdicts import Authority, LeafRequest, describe
from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    Built,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    run,
    secrets_directory,
    site,
    sql,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

ALONE = ("pg1",)
PLACES = (ETCD, PATRONI_ETCD, PATRONI, POSTGRES, HAPROXY)
SUPPLIED = (PATRONI, POSTGRES, HAPROXY)  # those for etcd are of its own CA, whatever the user supplies
PORTS = {2379: ETCD, 2380: ETCD, 8008: PATRONI, 5432: POSTGRES, 7000: HAPROXY}
ISSUED = "Certificates | Issue certificates and trust the CAs"
EXTRA_NAME = "db.example.net"
LOOP_SECONDS = 10


@dataclass(frozen=True)
class OwnAuthority:
    """A CA as companies have them: a root that stays in its safe, and an intermediate CA that signs."""

    certificate: Path
    key: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"certificates_ca_certificate": str(self.certificate), "certificates_ca_key": str(self.key)}

    @property
    def signing(self) -> Authority:
        return Authority.from_user(self.certificate, self.key)


def own_authority(directory: Path) -> OwnAuthority:
    root, middle = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    top = _ca("Example Root", root.public_key(), "Example Root", root)
    below = _ca("Example Databases", middle.public_key(), "Example Root", root)
    made = OwnAuthority(directory / "ca.crt", directory / "ca.key")
    made.certificate.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (below, top)))
    made.key.write_bytes(_key_pem(middle))
    made.key.chmod(0o600)
    return made


def _ca(name: str, key: rsa.RSAPublicKey, issuer: str, signer: rsa.RSAPrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder(serial_number=x509.random_serial_number())
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    """As ``openssl genrsa -traditional`` and many tools write it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> OwnAuthority:
    return own_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, own: OwnAuthority) -> Iterator[Built]:
    """One host with all components, whose certificates the user's intermediate CA signs."""
    directory = tmp_path_factory.mktemp("certificates")
    with site("b-certificates", directory, hosts=ALONE, **own.settings) as ready:
        yield Built(ready.lab, ready.inventory, run(ready.inventory))


def served(lab: Lab) -> dict[int, int]:
    """
    The serial number of the certificate that each service shows to who connects, by port.

    A service that answers nobody just now is not among them: Patroni closes its REST API for a moment to reload it.
    """
    address = lab.host("pg1").address4
    found = {}
    for port in PORTS:
        how = "-starttls postgres" if port == 5432 else ""
        connect = f"openssl s_client -connect {address}:{port} {how} < /dev/null 2> /dev/null"
        said = run_in(lab.host("pg1").container, f"{connect} | openssl x509 -noout -serial 2> /dev/null || true")
        if said:
            found[port] = int(said.removeprefix("serial="), 16)
    return found


def lying(lab: Lab) -> dict[int, int]:
    """The serial number of the certificate that lies on the host for each port."""
    return {port: describe(_read(lab.host("pg1"), place)).serial for port, place in PORTS.items()}


def etcd(lab: Lab) -> Authority:
    """etcd's CA, which is the cluster's own whatever CA the rest uses."""
    return Authority.load_or_create(secrets_directory(lab), "", ETCD_AUTHORITY)


def address_of(lab: Lab, own: OwnAuthority, port: int, **parameters: str) -> str:
    """How a client connects that trusts the user's root. + parameters: in place of the usual ones"""
    return make_conninfo(dsn(lab, port, sslrootcert=str(own.certificate)), **parameters)


def processes(lab: Lab) -> str:
    """PostgreSQL's and the services' processes: a restart changes them, a reload does not."""
    postgres = f"head -n 1 /var/lib/postgresql/17/{lab.name}/postmaster.pid"
    return run_in(lab.host("pg1").container, f"systemctl show -P MainPID etcd patroni haproxy && {postgres}")


def _read(host: Host, place: CertificatePlace) -> str:
    return run_in(host.container, f"cat {place.certificate}") + "\n"


def _put(host: Host, place: CertificatePlace, path: str, content: str) -> None:
    """Replace what a file holds; who owns it and who may read it stays."""
    run_in(host.container, f"test -O {path} -o -e {path} && cat > {path}", stdin=content)


def replaced(built: Built, inventory: Path, *places: CertificatePlace) -> Run:
    """
    Run, and demand that just these certificates are new, that all services show what lies on the host, and that nobody
    was restarted for it.
    """
    lab, before, were = built.lab, processes(built.lab), lying(built.lab)
    done = run(inventory)
    now = lying(lab)
    assert {PORTS[port] for port in PORTS if now[port] != were[port]} == set(places)
    # Patroni reads its files again when its loop comes round.
    wait_until("every service shows what lies on the host", lambda: served(lab) == now, seconds=LOOP_SECONDS)
    assert processes(lab) == before
    assert ISSUED in changed(done)
    print(f"{', '.join(place.component for place in places)} replaced in {done.seconds:.1f} s: {changed(done)}")
    return done


def test_the_user_s_intermediate_authority_signs_for_every_service(built: Built, own: OwnAuthority) -> None:
    root = own.signing.chain[-1].public_bytes(serialization.Encoding.PEM).decode()
    host = built.lab.host("pg1")
    for port, place in PORTS.items():
        run_in(host.container, "cat > /tmp/root.crt", stdin=etcd(built.lab).trust_pem if place is ETCD else root)
        how = "-starttls postgres" if port == 5432 else ""
        verify = "-CAfile /tmp/root.crt -verify_return_error -verify_ip " + host.address4
        connect = f"openssl s_client -connect {host.address4}:{port} {how} {verify} < /dev/null 2>&1 || true"
        assert "Verify return code: 0 (ok)" in run_in(host.container, connect), port
    assert sql(built.lab, "select 1", sslrootcert=str(own.certificate)) == [(1,)]
    assert f"CA        {own.certificate}" in built.run.log
    assert_changes_nothing(built.inventory)


def test_further_names_are_served_without_any_restart(built: Built, own: OwnAuthority, tmp_path: Path) -> None:
    extra = [EXTRA_NAME, "192.0.2.7"]
    inventory = write_inventory(built.lab, tmp_path, ALONE, cluster_extra_names=extra, **own.settings)
    done = replaced(built, inventory, POSTGRES, HAPROXY)
    assert f"new certificate for postgres: names differ: lacks 192.0.2.7, {EXTRA_NAME}" in done.log
    for port in (5000, 5432):
        named = address_of(built.lab, own, port, host=EXTRA_NAME, hostaddr="127.0.0.1")
        with psycopg.connect(named) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert_changes_nothing(inventory)
    replaced(built, built.inventory, POSTGRES, HAPROXY)  # and back


def put_other(built: Built, own: OwnAuthority, place: CertificatePlace, days_ago: int = 0, **other: object) -> None:
    """
    One of the same CA in the place of what a service has.

    + days_ago: when it was issued, for a year; + other: what else differs, e.g. ``addresses``
    """
    host = built.lab.host("pg1")
    seen = describe(_read(host, place))
    names = LeafRequest(seen.subject_cn, seen.dns_names, seen.addresses, seen.server, seen.client, 365)
    signer = etcd(built.lab) if place.issuer == "etcd" else own.signing
    leaf = signer.issue(replace(names, **other), now=datetime.now(UTC) - timedelta(days=days_ago))  # type: ignore[arg-type]
    if place.bundle:
        _put(host, place, place.certificate, leaf.certificate_pem + leaf.key_pem)
    else:
        _put(host, place, place.key, leaf.key_pem)
        _put(host, place, place.certificate, leaf.certificate_pem)


@pytest.mark.parametrize("other", [{"days_ago": 400}, {"dns_names": ("another",), "addresses": ()}])
def test_what_nobody_believes_any_more_is_replaced_where_it_is_served(
    built: Built, own: OwnAuthority, other: dict[str, object]
) -> None:
    """A run must not wait for a service to be believed before it gives it what makes it believed."""
    for place in SUPPLIED:
        put_other(built, own, place, **other)  # type: ignore[arg-type]
    run_in(built.lab.host("pg1").container, "systemctl reload patroni haproxy && pkill -HUP -o -x postgres")
    wait_until("all of it is served", lambda: served(built.lab) == lying(built.lab), seconds=2 * LOOP_SECONDS)
    replaced(built, built.inventory, *SUPPLIED)
    assert_changes_nothing(built.inventory)


def test_an_etcd_that_nobody_believes_any_more_comes_back(built: Built, own: OwnAuthority) -> None:
    """Patroni cannot keep its lock meanwhile, and PostgreSQL takes no writes: the outage that the run ends."""
    for place in PLACES:
        put_other(built, own, place, days_ago=400)
    run_in(built.lab.host("pg1").container, "systemctl restart etcd")
    done = run(built.inventory)
    assert "new certificate for patroni-etcd: expired" in done.log
    wait_until("all of it is served", lambda: served(built.lab) == lying(built.lab), seconds=2 * LOOP_SECONDS)
    assert sql(built.lab, "select 1", sslrootcert=str(own.certificate)) == [(1,)]
    assert_changes_nothing(built.inventory)


def test_certificates_near_their_end_are_renewed(built: Built, own: OwnAuthority) -> None:
    for place in PLACES:
        put_other(built, own, place, days_ago=300)
    with Load(address_of(built.lab, own, 5000)) as load:
        done = replaced(built, built.inventory, *PORTS.values())
        assert_changes_nothing(built.inventory)
    seen = load.report()
    print(f"meanwhile {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
    assert load.verdict().is_clean and not seen.refused and not seen.unknown
    assert seen.longest_gap_seconds <= STEADY_GAP_SECONDS
    for place in PLACES:
        assert f"new certificate for {place.component}: less than a third of its life left: 64 of 365 days" in done.log


def test_keys_that_do_not_fit_or_that_others_can_read_are_replaced(built: Built) -> None:
    host = built.lab.host("pg1")
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _put(host, POSTGRES, POSTGRES.key, other.decode())
    run_in(host.container, f"chmod 640 {ETCD.key}")
    done = replaced(built, built.inventory, POSTGRES, ETCD)
    assert "new certificate for postgres: it does not fit its private key" in done.log
    assert "new certificate for etcd: its key is etcd:640, not etcd:600" in done.log
    assert run_in(host.container, f"stat -c %a {ETCD.key} {POSTGRES.key}").split() == ["600", "600"]


def test_another_authority_is_refused_and_nothing_is_touched(built: Built, tmp_path: Path) -> None:
    stranger = own_authority(tmp_path)
    inventory = write_inventory(built.lab, tmp_path, ALONE, **stranger.settings)
    refused = refused_untouched(built, inventory)
    said = f"is another CA than the one that {built.lab.host('pg1').container} trusts"
    assert said in " ".join(refused.log.split())


def refused_untouched(built: Built, inventory: Path) -> Run:
    """Run in vain: nothing is another on the host than before."""
    before = processes(built.lab), lying(built.lab), served(built.lab)
    refused = run(inventory, CLUSTER, check=False)
    assert refused.code == 1
    assert (processes(built.lab), lying(built.lab), served(built.lab)) == before
    return refused


# --- Certificates that the user made ---


def supply(built: Built, own: OwnAuthority, directory: Path) -> Path:
    """A directory as docs/certificates.md describes it, made with the user's own tools: RSA keys, more names."""
    host = built.lab.host("pg1")
    (directory / host.container).mkdir(parents=True)
    shutil.copy(own.certificate, directory / "ca.crt")
    for place in SUPPLIED:
        supplied(built, own, directory, place)
    return directory


def supplied(
    built: Built, own: OwnAuthority, directory: Path, place: CertificatePlace, *, days: int = 90, name: str = ""
) -> None:
    """One component's certificate. + days: of life left; + name: instead of the host's"""
    host, now, key = built.lab.host("pg1"), datetime.now(UTC), rsa.generate_private_key(65537, 2048)
    authority = own.signing
    names: list[x509.GeneralName] = [
        x509.DNSName(text) for text in (name or host.container, "localhost", "alias.example")
    ]
    names += [x509.IPAddress(ip_address(text)) for text in (host.address4, "127.0.0.1", "::1")]
    assert isinstance(authority.key, rsa.RSAPrivateKey)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        x509.CertificateBuilder(serial_number=x509.random_serial_number())
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host.container)]))
        .issuer_name(authority.certificate.subject)
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(above, critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    chain = [certificate, *authority.intermediates]
    stem = directory / host.container / place.component
    stem.with_suffix(".crt").write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
    stem.with_suffix(".key").write_bytes(_key_pem(key))


def test_certificates_that_the_user_made_are_served(built: Built, own: OwnAuthority, tmp_path: Path) -> None:
    directory = supply(built, own, tmp_path / "supplied")
    inventory = write_inventory(built.lab, tmp_path, ALONE, certificates_directory=str(directory))
    replaced(built, inventory, *SUPPLIED)
    assert_changes_nothing(inventory)
    supplied(built, own, directory, POSTGRES)  # the user renews one
    replaced(built, inventory, POSTGRES)


def test_wrong_ones_are_refused_before_anything_is_touched(built: Built, own: OwnAuthority, tmp_path: Path) -> None:
    directory, name = supply(built, own, tmp_path / "wrong"), built.lab.host("pg1").container
    supplied(built, own, directory, PATRONI, days=-1)
    shutil.copy(directory / name / "postgres.key", directory / name / "patroni.key")
    supplied(built, own, directory, POSTGRES, name="another.example")
    (directory / name / "haproxy.crt").unlink()
    inventory = write_inventory(built.lab, tmp_path, ALONE, certificates_directory=str(directory))
    refused = refused_untouched(built, inventory)
    said, yesterday = " ".join(refused.log.split()), datetime.now(UTC) - timedelta(days=1)
    assert "4 findings, nothing was changed" in said
    assert f"{name}/patroni.crt certificates_directory expired on {yesterday:%Y-%m-%d}" in said
    assert f"{name}/patroni.crt certificates_directory the key does not fit the certificate" in said
    assert f"{name}/postgres.crt certificates_directory lacks {name}" in said
    assert f"{name}/haproxy.crt certificates_directory {directory / name / 'haproxy.crt'} cannot be read" in said
