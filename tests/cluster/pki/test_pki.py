"""Certificates: what is issued can be read back, stays while it is right, and is replaced when anything differs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.pki.pem import certificate_pem, certificates_in, key_pem, signed_by
from cluster.pki.verdicts import Authority, LeafRequest, check_user_leaf, describe, public_key_digest, renewal_reason
from cluster.secrets.private_files import write_whole
from tests.cluster.racing import in_processes, made
from tests.judges import needs_openssl

REQUEST = LeafRequest("pg1", ("pg1", "localhost"), (IPv4Address("10.0.0.1"), IPv6Address("::1")), True, True, 365)


def now() -> datetime:
    """Asked where it counts: a module that is loaded long before its tests run would be behind what they issue."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.load_or_create(tmp_path_factory.mktemp("own") / "demo", "demo")


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def ca_certificate(
    name: str, key: Key, issuer: str | None = None, issuer_key: Key | None = None, *, ca: bool = True,
    starts: timedelta = timedelta(days=-1), days: int = 400, usage: bool | None = True, identified: bool = True,
    critical: bool = True,
) -> x509.Certificate:  # fmt: skip
    today = now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + min(starts, timedelta(days=days - 1)))
        .not_valid_after(today + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=critical)
    )
    if identified:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if usage is not None:
        builder = builder.add_extension(
            x509.KeyUsage(True, False, False, False, False, usage, usage, False, False), critical=True
        )
    signer = issuer_key or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def any_key_pem(key: Key, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def user_files(directory: Path, key: Key, *chain: x509.Certificate) -> tuple[Path, Path]:
    (directory / "user.crt").write_text("".join(map(certificate_pem, chain)))
    (directory / "user.key").write_text(any_key_pem(key))
    return directory / "user.crt", directory / "user.key"


# --- the cluster's own CA


def test_own_ca_is_kept_private_and_loaded_again(tmp_path: Path) -> None:
    directory = tmp_path / ".secrets" / "demo"
    first = Authority.load_or_create(directory, "demo")
    second = Authority.load_or_create(directory, "demo")
    assert first.certificate == second.certificate
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "ca.crt": 0o644,
        "ca.key": 0o600,
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    assert directory.parent.stat().st_mode & 0o777 == 0o700


def test_two_certificates_of_the_same_kind_can_be_told_apart(authority: Authority) -> None:
    """Patroni reads a certificate again when its serial number is another one, and for no other reason."""
    request = LeafRequest("db1", ("db1",), (), server=True, client=False, days=30)
    leaves = [authority.issue(request, now=now()) for _ in range(8)]
    seen = [describe(leaf.certificate_pem) for leaf in leaves]
    assert len({one.serial for one in seen}) == len({one.key_fingerprint for one in seen}) == 8


def test_own_ca_says_what_a_ca_must_say(authority: Authority) -> None:
    certificate = authority.certificate
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical and constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert describe(authority.trust_pem).subject_cn == "demo CA"
    assert 0 < certificate.serial_number <= 2**128
    assert timedelta(days=3650) <= certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert certificate.not_valid_before_utc < now()
    assert authority.intermediates == ()


def test_a_long_cluster_name_still_gets_a_ca(tmp_path: Path) -> None:
    assert describe(Authority.load_or_create(tmp_path / "x", "n" * 63).trust_pem).subject_cn.endswith("n CA")


def test_runs_at_the_same_time_get_the_same_ca(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(made, [tmp_path / "threads"] * 64))) == 1
    assert len(in_processes("tests.cluster.racing.made", tmp_path / "processes")) == 1


def test_a_key_without_certificate_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, text: str, **how: object) -> None:
        if path.name == "ca.crt":
            raise KeyboardInterrupt
        write_whole(path, text, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("cluster.pki.authority.write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        Authority.load_or_create(tmp_path / "demo", "demo")
    key = (tmp_path / "demo" / "ca.key").read_text()
    monkeypatch.undo()
    assert key_pem(Authority.load_or_create(tmp_path / "demo", "demo").key) == key


def test_refuses_a_certificate_without_its_key(tmp_path: Path) -> None:
    Authority.load_or_create(tmp_path / "demo", "demo")
    (tmp_path / "demo" / "ca.key").unlink()
    with pytest.raises(ConfigError, match=r"ca\.crt is there but ca\.key is missing\nHINT: restore .*backup"):
        Authority.load_or_create(tmp_path / "demo", "demo")
    assert not (tmp_path / "demo" / "ca.key").exists()


@pytest.mark.parametrize("name", ["ca.key", "."])
def test_refuses_a_ca_that_others_can_read(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "demo"
    Authority.load_or_create(directory, "demo")
    (directory / name).chmod(0o755)
    with pytest.raises(ConfigError, match=r"is open to other users: mode is 0755[\s\S]*HINT: run 'chmod [67]00 "):
        Authority.load_or_create(directory, "demo")


def test_refuses_a_key_of_another_ca(tmp_path: Path) -> None:
    Authority.load_or_create(tmp_path / "demo", "demo")
    (tmp_path / "demo" / "ca.key").write_text(key_pem(new_key()))
    with pytest.raises(ConfigError, match="the key does not fit the certificate"):
        Authority.load_or_create(tmp_path / "demo", "demo")


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be used: .*\nHINT:"):
        Authority.load_or_create(tmp_path / "file" / "demo", "demo")


# --- the user's CA


@pytest.mark.parametrize("make", [new_key, lambda: rsa.generate_private_key(65537, 2048)], ids=["ec", "rsa"])
def test_a_user_ca_signs(tmp_path: Path, make: Callable[[], Key]) -> None:
    key = make()
    user = Authority.from_user(*user_files(tmp_path, key, ca_certificate("root", key)))
    leaf = user.issue(REQUEST)
    assert renewal_reason(leaf.certificate_pem, REQUEST, user, now()) is None
    assert check_user_leaf(leaf.certificate_pem, leaf.key_pem, REQUEST, user.trust_pem, now()) == []


def test_an_intermediate_ca_is_sent_with_the_leaf_and_the_root_is_not(tmp_path: Path) -> None:
    root_key, key = new_key(), new_key()
    root = ca_certificate("root", root_key)
    middle = ca_certificate("middle", key, "root", root_key, days=100)
    user = Authority.from_user(*user_files(tmp_path, key, middle, root))
    leaf = user.issue(REQUEST)
    certificates = certificates_in(leaf.certificate_pem)
    assert certificates[1:] == (middle,)
    assert certificates[0].not_valid_after_utc == middle.not_valid_after_utc
    assert certificates_in(user.trust_pem) == (middle, root)
    assert renewal_reason(leaf.certificate_pem, REQUEST, user, now()) is None
    alone = certificate_pem(certificates[0])
    assert renewal_reason(alone, REQUEST, user, now()) == "the CA certificates after it differ"
    assert check_user_leaf(leaf.certificate_pem, leaf.key_pem, REQUEST, certificate_pem(root), now()) == []
    assert check_user_leaf(alone, leaf.key_pem, REQUEST, certificate_pem(root), now()) == [
        "not signed by the CA, directly or by the CAs in its file"
    ]


TWO = "keyUsage and subjectKeyIdentifier"
STRICT = ", which Python 3.13 on the hosts refuses"


def refused_chains() -> dict[str, tuple[Key, tuple[x509.Certificate, ...], str]]:
    key, other, short = new_key(), new_key(), rsa.generate_private_key(65537, 1024)
    edwards = ed25519.Ed25519PrivateKey.generate()
    root = ca_certificate("root", other)
    middle = ca_certificate("middle", key, "root", other)
    return {
        "key": (key, (root,), "the key does not fit the certificate"),
        "not a CA": (key, (ca_certificate("x", key, ca=False),), "'CN=x' is not a CA"),
        "usage": (key, (ca_certificate("x", key, usage=False),), "'CN=x' is not a CA"),
        "lax": (key, (ca_certificate("x", key, usage=None, identified=False),), f"lacks {TWO}{STRICT}"),
        "lax usage": (key, (ca_certificate("x", key, usage=None),), f"'CN=x' lacks keyUsage{STRICT}"),
        "lax rank": (key, (ca_certificate("x", key, critical=False),), f"that are not critical{STRICT}"),
        "expired": (key, (ca_certificate("x", key, days=-1),), "'CN=x' expired on "),
        "ending": (key, (ca_certificate("x", key, days=29),), "'CN=x' expires on .*, in less than 30 days"),
        "early": (key, (ca_certificate("x", key, starts=timedelta(days=1)),), "'CN=x' is not valid before"),
        "no root": (key, (middle,), "the chain ends at 'CN=middle', which is not a root"),
        "order": (key, (middle, ca_certificate("y", new_key())), "'CN=middle' is not signed by the one after it"),
        "short": (short, (ca_certificate("x", short),), "RSA key of 1024 bits, 2048 are the least"),
        "kind": (edwards, (ca_certificate("x", edwards),), "is neither an RSA nor an EC key"),
    }


@pytest.mark.parametrize("case", refused_chains().values(), ids=refused_chains())
def test_refuses_a_user_ca_that_cannot_sign(
    tmp_path: Path, case: tuple[Key, tuple[x509.Certificate, ...], str]
) -> None:
    key, chain, sentence = case
    with pytest.raises(ConfigError, match=rf"{sentence}[\s\S]*\nHINT: "):
        Authority.from_user(*user_files(tmp_path, key, *chain))


def test_refuses_user_files_that_cannot_be_read(tmp_path: Path) -> None:
    key = new_key()
    certificate, key_path = user_files(tmp_path, key, ca_certificate("root", key))
    with pytest.raises(ConfigError, match=r"nowhere cannot be used: No such file or directory\nHINT: "):
        Authority.from_user(tmp_path / "nowhere", key_path)
    with pytest.raises(ConfigError, match=r"user\.key is not readable as a PEM certificate\nHINT: "):
        Authority.from_user(key_path, key_path)
    with pytest.raises(ConfigError, match=r"user\.crt is not readable as a PEM private key\nHINT: "):
        Authority.from_user(certificate, certificate)
    key_path.write_text(any_key_pem(key, b"passphrase"))
    with pytest.raises(ConfigError, match=r"user\.key is encrypted\nHINT: "):
        Authority.from_user(certificate, key_path)


# --- leaf certificates

label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
dns_names = st.lists(st.lists(label, min_size=1, max_size=3).map(".".join), max_size=5).map(tuple)
addresses = st.lists(st.ip_addresses(), max_size=5).map(tuple)
requests = st.builds(
    LeafRequest,
    common_name=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=64),
    dns_names=dns_names.map(lambda names: (*names, "localhost")),
    addresses=addresses,
    server=st.just(True),
    client=st.booleans(),
    days=st.integers(1, 397),
)


@given(request=requests)
@settings(deadline=None)
def test_what_is_issued_is_read_back(authority: Authority, request: LeafRequest) -> None:
    leaf = authority.issue(request)
    seen = describe(leaf.certificate_pem)
    assert (seen.subject_cn, seen.issuer_cn) == (request.common_name, "demo CA")
    assert seen.names == request.names
    assert set(seen.dns_names) == set(request.dns_names) and set(seen.addresses) == set(request.addresses)
    assert (seen.server, seen.client, seen.is_ca) == (request.server, request.client, False)
    assert seen.authority_key_id and 0 < seen.serial <= 2**128
    assert seen.not_before < now() < seen.not_after <= authority.not_after
    assert signed_by(certificates_in(leaf.certificate_pem)[0], authority.certificate)


@given(request=requests)
@settings(deadline=None)
def test_a_new_leaf_stays_whatever_the_order_of_its_names(authority: Authority, request: LeafRequest) -> None:
    pem = authority.issue(request).certificate_pem
    turned = replace(request, dns_names=request.dns_names[::-1], addresses=request.addresses[::-1])
    assert renewal_reason(pem, turned, authority, now()) is None
    assert (
        renewal_reason(pem, replace(turned, dns_names=tuple(map(str.upper, turned.dns_names))), authority, now())
        is None
    )


@given(request=requests, names=dns_names, numbers=addresses)
@settings(deadline=None)
def test_any_change_of_names_is_a_reason(
    authority: Authority, request: LeafRequest, names: tuple[str, ...], numbers: tuple[IPv4Address | IPv6Address, ...]
) -> None:
    changed = replace(request, dns_names=(*names, "localhost"), addresses=numbers)
    reason = renewal_reason(authority.issue(request).certificate_pem, changed, authority, now())
    assert (reason is None) == (changed.names == request.names)
    assert reason is None or reason.startswith("names differ: ")


def test_reasons_say_what_differs(authority: Authority, tmp_path: Path) -> None:
    pem = authority.issue(REQUEST).certificate_pem
    other = Authority.load_or_create(tmp_path / "other", "demo")

    def reason(**change: object) -> str | None:
        return renewal_reason(pem, replace(REQUEST, **change), authority, now())  # type: ignore[arg-type]

    assert renewal_reason(None, REQUEST, authority, now()) == "absent"
    assert renewal_reason("", REQUEST, authority, now()) == "unreadable"
    assert renewal_reason(pem[:-60], REQUEST, authority, now()) == "unreadable"
    assert renewal_reason(pem, REQUEST, other, now()) == "signed by another CA"
    assert reason(common_name="pg2") == "common name differs: 'pg1', not 'pg2'"
    assert reason(dns_names=("pg1", "pg1.lan")) == "names differ: lacks pg1.lan; has also localhost"
    assert reason(addresses=()) == "names differ: has also 10.0.0.1, ::1"
    assert reason(client=False) == "usage differs: has also clientAuth"
    assert reason(days=30) is None


def test_a_leaf_is_renewed_in_the_last_third_of_its_life(authority: Authority) -> None:
    issued = now()
    pem = authority.issue(REQUEST, now=issued).certificate_pem

    def after(days: float) -> str | None:
        return renewal_reason(pem, REQUEST, authority, issued + timedelta(days=days))

    assert after(243) is None
    assert after(244) == "less than a third of its life left: 120 of 365 days"
    assert after(366) == f"expired on {issued + timedelta(days=365):%Y-%m-%d}"
    assert str(after(-1)).startswith("not valid before ")


def test_a_leaf_never_outlives_its_ca(tmp_path: Path) -> None:
    key = new_key()
    user = Authority.from_user(*user_files(tmp_path, key, ca_certificate("root", key, days=40)))
    assert describe(user.issue(REQUEST).certificate_pem).not_after == user.not_after


def test_a_scoped_address_is_compared_without_its_scope(authority: Authority) -> None:
    scoped = replace(REQUEST, addresses=(ip_address("fe80::1%eth0"),))
    assert renewal_reason(authority.issue(scoped).certificate_pem, scoped, authority, now()) is None


def test_a_leaf_does_not_show_its_key(authority: Authority) -> None:
    assert "PRIVATE" not in repr(authority.issue(REQUEST))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"common_name": "x" * 65}, "common name of 65 characters, 1 to 64 are allowed"),
        ({"dns_names": ("bücher",)}, "'bücher' is not a DNS name"),
        ({"dns_names": ("a b",)}, "'a b' is not a DNS name"),
        ({"dns_names": (), "addresses": ()}, "a server certificate without any name or address"),
        ({"server": False, "client": False}, "neither for a server nor for a client"),
        ({"days": 0}, "valid for 0 days"),
    ],
)
def test_refuses_requests_that_no_certificate_can_hold(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=rf"certificate for '.*': {sentence}\nHINT: "):
        replace(REQUEST, **change)  # type: ignore[arg-type]


def test_a_client_needs_no_names(authority: Authority) -> None:
    request = LeafRequest("backup", (), (), server=False, client=True, days=1)
    assert renewal_reason(authority.issue(request).certificate_pem, request, authority, now()) is None


# --- against OpenSSL, which is what the hosts use


@needs_openssl
def test_the_digest_is_what_openssl_on_a_host_computes_from_the_key(authority: Authority, tmp_path: Path) -> None:
    leaf = authority.issue(REQUEST)
    (tmp_path / "leaf.key").write_text(leaf.key_pem)
    command = f"openssl pkey -in {tmp_path}/leaf.key -pubout -outform DER | sha256sum"
    printed = subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout
    assert (
        printed.split()[0] == public_key_digest(leaf.certificate_pem) == describe(leaf.certificate_pem).key_fingerprint
    )


@needs_openssl
@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_what_is_issued(tmp_path: Path, authority: Authority, purpose: str) -> None:
    (tmp_path / "ca.crt").write_text(authority.trust_pem)
    (tmp_path / "leaf.crt").write_text(authority.issue(REQUEST).certificate_pem)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-verify_ip", "10.0.0.1"]
    subprocess.run([*command, "-CAfile", tmp_path / "ca.crt", tmp_path / "leaf.crt"], check=True)


# --- a certificate that the user supplied


def test_a_user_leaf_may_have_more_names_and_a_wildcard(authority: Authority) -> None:
    leaf = authority.issue(replace(REQUEST, dns_names=("*.db.lan", "more.lan")))
    wanted = replace(REQUEST, dns_names=("pg1.db.lan", "more.lan"), addresses=(IPv4Address("10.0.0.1"),))
    assert check_user_leaf(leaf.certificate_pem, leaf.key_pem, wanted, authority.trust_pem, now()) == []
    deeper = replace(wanted, dns_names=("x.pg1.db.lan", "db.lan"))
    assert check_user_leaf(leaf.certificate_pem, leaf.key_pem, deeper, authority.trust_pem, now()) == [
        "lacks db.lan, x.pg1.db.lan"
    ]


def test_every_problem_of_a_user_leaf_is_said_at_once(authority: Authority, tmp_path: Path) -> None:
    other, today = Authority.load_or_create(tmp_path / "other", "demo"), now()
    leaf = authority.issue(replace(REQUEST, client=False, addresses=()), now=today - timedelta(days=500))
    assert check_user_leaf(leaf.certificate_pem, key_pem(new_key()), REQUEST, other.trust_pem, today) == [
        "the key does not fit the certificate",
        "not signed by the CA, directly or by the CAs in its file",
        "lacks 10.0.0.1, ::1",
        "lacks usage clientAuth",
        f"expired on {today - timedelta(days=135):%Y-%m-%d}",
    ]
    early = authority.issue(REQUEST, now=today + timedelta(days=2))
    problems = check_user_leaf(early.certificate_pem, early.key_pem, REQUEST, authority.trust_pem, today)
    assert [problem[:16] for problem in problems] == ["not valid before"]


def test_a_user_leaf_that_does_not_name_its_issuer_s_key_is_refused(authority: Authority) -> None:
    key = new_key()
    bare = certificate_pem(ca_certificate("pg1", key, "demo CA", authority.key, ca=False, usage=None))
    problems = check_user_leaf(bare, key_pem(key), REQUEST, authority.trust_pem, now())
    assert problems[0] == "lacks authorityKeyIdentifier, which Python 3.13 on the hosts refuses"


def test_a_leaf_that_signs_is_no_ca(authority: Authority) -> None:
    leaf_key, key = new_key(), new_key()
    leaf = ca_certificate("leaf", leaf_key, "demo CA", authority.key, ca=False)
    rogue = ca_certificate("pg1", key, "leaf", leaf_key, ca=False)
    pem = certificate_pem(rogue) + certificate_pem(leaf)
    problems = check_user_leaf(pem, key_pem(key), REQUEST, authority.trust_pem, now())
    assert "not signed by the CA, directly or by the CAs in its file" in problems


def test_an_unreadable_user_leaf_is_one_problem(authority: Authority) -> None:
    leaf = authority.issue(REQUEST)
    parts = (leaf.certificate_pem, leaf.key_pem, authority.trust_pem)
    for position, word in enumerate(("certificate is", "key is", "CA file is")):
        broken = [*parts]
        broken[position] = "x"
        cert, key, ca = broken
        (problem,) = check_user_leaf(cert, key, REQUEST, ca, now())
        assert problem.startswith(f"{word} not readable")


def test_a_ca_that_is_made_for_a_plan_is_written_nowhere(tmp_path: Path) -> None:
    planned = Authority.of_plan(tmp_path / "demo", "demo")
    assert list(tmp_path.iterdir()) == []
    assert describe(planned.trust_pem).subject_cn == "demo CA"
    kept = Authority.load_or_create(tmp_path / "demo", "demo")
    assert Authority.of_plan(tmp_path / "demo", "demo").trust_pem == kept.trust_pem
