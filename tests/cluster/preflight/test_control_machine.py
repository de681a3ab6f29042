"""Passwords and certificates of the control machine: what is refused, in words that never show a secret."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cluster.components.all import certificate_places
from cluster.declared.model import Cluster
from cluster.findings import Finding, findings_table
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.pki.certificates import leaf_request
from cluster.pki.verdicts import Authority
from cluster.preflight.control_machine import control_findings, secret_findings
from cluster.secrets.secrets import NAMES
from tests.cluster.preflight_hosts import host

STRONG = "kR7vQx2mZp9LwT4sBn6hJd3f"
HINT = "Take `openssl rand -hex 24`, or unset it: a secret that is not given is generated."


def one_host(**settings: object) -> Cluster:
    clusters, findings = declared_clusters([host("pg1", cluster_address="10.0.0.1", **settings)], {})
    assert findings == []
    return clusters["main"]


def judged(**secrets: str) -> list[Finding]:
    return list(secret_findings(one_host(), secrets, dict.fromkeys(secrets, "environment")))


def test_strong_and_different_passwords_are_fine():
    assert judged(PATRONI_SUPERUSER_PASSWORD=STRONG, PATRONI_ADMIN_PASSWORD=STRONG[::-1]) == []


def test_a_weak_password():
    problem = "has 8 characters, 16 are the least"
    assert judged(PATRONI_ADMIN_PASSWORD="Xk29vLpQ") == [
        Finding("environment", "PATRONI_ADMIN_PASSWORD", problem, HINT)
    ]


def test_a_password_of_an_example():
    found = judged(PATRONI_ADMIN_PASSWORD="changeme-postgres-1")
    assert [one.problem for one in found] == ["is little more than well-known words"]


def test_a_password_made_of_the_hosts_name():
    assert [one.problem for one in judged(PATRONI_ADMIN_PASSWORD="pg1-main-pg1-main-pg1")] == [
        "is little more than well-known words"
    ]


def test_one_password_used_twice_is_named_at_each_place_it_came_from():
    secrets = {"PATRONI_ADMIN_PASSWORD": STRONG, "HAPROXY_STATS_PASSWORD": STRONG}
    origin = {"PATRONI_ADMIN_PASSWORD": ".secrets/main/secrets.json", "HAPROXY_STATS_PASSWORD": "environment"}
    assert list(secret_findings(one_host(), secrets, origin)) == [
        Finding(
            ".secrets/main/secrets.json",
            "PATRONI_ADMIN_PASSWORD",
            "has the same value as HAPROXY_STATS_PASSWORD",
            "Give each a value of its own: who learns one would have the others.",
        )
    ]


@given(st.dictionaries(st.sampled_from(NAMES), st.text("x'\"\\#zq90", min_size=6, max_size=20), min_size=1))
def test_no_finding_shows_a_secret(secrets):
    found = list(secret_findings(one_host(), secrets, dict.fromkeys(secrets, "environment")))
    shown = findings_table(found, 10_000) if found else ""
    assert all(value not in shown for value in secrets.values())


def supplied(tmp_path: Path, cluster: Cluster) -> None:
    authority = Authority.load_or_create(tmp_path.parent / "authority", "mine")
    (tmp_path / "ca.crt").write_text(authority.trust_pem)
    for node in cluster:
        (tmp_path / node.name).mkdir()
        for place in certificate_places(cluster, node):
            leaf = authority.issue(leaf_request(cluster, node, place))
            (tmp_path / node.name / f"{place.component}.crt").write_text(leaf.certificate_pem)
            (tmp_path / node.name / f"{place.component}.key").write_text(leaf.key_pem)


def test_certificates_of_the_users_own_are_fine_when_they_fit(tmp_path):
    cluster = one_host(certificates_directory=str(tmp_path))
    supplied(tmp_path, cluster)
    assert control_findings(cluster, {}, {}, datetime.now(UTC)) == []


def test_certificates_that_are_absent_or_for_another_host(tmp_path):
    cluster = one_host(certificates_directory=str(tmp_path))
    supplied(tmp_path, cluster)
    for component in ("etcd", "patroni-etcd"):  # which nobody has to supply
        (tmp_path / "pg1" / f"{component}.crt").unlink()
    (tmp_path / "pg1" / "patroni.crt").unlink()
    other = one_host(certificates_directory=str(tmp_path), cluster_extra_names=["db.example.net"])
    assert control_findings(other, {}, {}, datetime.now(UTC)) == [
        Finding(
            "pg1/patroni.crt",
            "certificates_directory",
            f"{tmp_path}/pg1/patroni.crt cannot be read (No such file or directory)",
            "Supply <host>/<component>.crt and .key for every host, and ca.crt; see docs/certificates.md.",
        ),
        *(
            Finding(
                f"pg1/{component}.crt",
                "certificates_directory",
                "lacks db.example.net",
                "Have it reissued for pg1 with the names and the usage that docs/certificates.md lists.",
            )
            for component in ("postgres", "haproxy")
        ),
    ]


def routed(file: Path, **settings: object) -> list[tuple[str, str, str]]:
    """What is refused where two members share a file with the password of their routers."""
    given = {"vip_mode": "bgp", "vip_write": ["10.99.0.1"], "bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}}
    shared = {**given, "bgp_password_file": str(file), **settings}
    hosts = [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **shared) for n in (1, 2)]
    found = control_findings(declared_clusters(hosts, {})[0]["main"], {}, {}, datetime.now(UTC))
    return [(one.what, one.problem, one.hint) for one in found]


def test_a_password_of_routers_that_is_not_there_is_found_before_any_host_is_touched(tmp_path):
    file = tmp_path / "routers"
    hint = "A file for its owner alone (chmod 600), with the password."
    assert routed(file) == [("bgp_password_file", f"{file} is not there", hint)]
    assert routed(file, vip_mode="none", vip_write=[]) == [], "nobody reads it"
    file.write_text("two words")
    file.chmod(0o600)
    assert [problem.partition(" has ")[2] for _, problem, _ in routed(file)] == [
        "no password of 1 to 80 characters of ASCII without blanks"
    ]
    file.write_text("fits")
    assert routed(file) == []


def mailed(file: Path, **settings: object) -> list[tuple[str, str, str]]:
    """What is refused where alerts go out through a mail server with a login."""
    mail = {
        "monitoring": True,
        "monitoring_mail_to": ["dba@example.net"],
        "monitoring_mail_from": "shop@example.net",
        "monitoring_mail_smarthost": "mail.example.net:587",
        "monitoring_mail_user": "shop",
        "monitoring_mail_password_file": str(file),
    }
    roles = ("postgres", "etcd", "haproxy", "monitor")
    hosts = [DeclaredHost("pg1", roles, {"cluster_address": "10.0.0.1", **mail, **settings}, {})]
    found = control_findings(declared_clusters(hosts, {})[0]["main"], {}, {}, datetime.now(UTC))
    return [(one.what, one.problem, one.hint) for one in found]


def test_a_password_of_the_mail_server_that_is_not_there_is_found_before_any_host_is_touched(tmp_path):
    file = tmp_path / "mail"
    name, hint = "monitoring_mail_password_file", "A file for its owner alone (chmod 600), with the password."
    assert mailed(file) == [(name, f"{file} is not there", hint)]
    file.write_text("\n")
    file.chmod(0o600)
    assert mailed(file) == [(name, f"{file} is empty", "Write the mail server's password into it.")]
    file.write_text("fits")
    assert mailed(file) == []


def test_a_certificates_directory_without_a_ca_is_one_finding(tmp_path):
    found = control_findings(one_host(certificates_directory=str(tmp_path)), {}, {}, datetime.now(UTC))
    assert [(one.where, one.problem) for one in found] == [
        ("group_data/all.py", f"{tmp_path}/ca.crt cannot be read (No such file or directory)")
    ]


def test_a_ca_that_cannot_sign(tmp_path):
    authority = Authority.load_or_create(tmp_path / "ca", "mine")
    leaf = authority.issue(
        leaf_request(one_host(), one_host().node("pg1"), certificate_places(one_host(), one_host().nodes[0])[0])
    )
    certificate, key = tmp_path / "leaf.crt", tmp_path / "leaf.key"
    certificate.write_text(leaf.certificate_pem)
    key.write_text(leaf.key_pem)
    cluster = one_host(certificates_ca_certificate=str(certificate), certificates_ca_key=str(key))
    (finding,) = control_findings(cluster, {}, {}, datetime.now(UTC))
    assert (finding.where, finding.what) == ("group_data/all.py", "certificates_ca_certificate")
    assert finding.problem == f"{certificate}: the chain ends at 'CN=pg1', which is not a root"
    assert finding.hint == "Append the CAs above it up to the root; OpenSSL trusts no chain that ends before."
