"""What may be encrypted with: nothing in CBC mode on any port, and no password in PostgreSQL's log."""

from __future__ import annotations

import ssl

from cluster.ciphers import GO, OPENSSL
from cluster.components.etcd import etcd_environment
from cluster.components.patroni import member_configuration
from cluster.components.patroni_dynamic import fixed_parameters
from cluster.components.patroni_logs.component import log_parameters
from cluster.secrets.secrets import NAMES
from cluster.settings.settings import Settings
from tests.cluster.preflight_hosts import a_cluster

AUTHENTICATED = ("GCM", "CHACHA20")


def test_openssl_offers_authenticated_encryption_with_forward_secrecy_alone() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(OPENSSL)
    found = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
    assert found
    assert all(name.startswith("ECDHE-") and any(word in name for word in AUTHENTICATED) for name in found)


def test_go_s_are_the_same_kind_with_what_http_2_needs() -> None:
    assert all(name.startswith("TLS_ECDHE_") and "_GCM_" in name for name in GO)
    assert {f"TLS_ECDHE_{key}_WITH_AES_128_GCM_SHA256" for key in ("ECDSA", "RSA")} <= set(GO)


def test_every_component_is_told() -> None:
    cluster = a_cluster()
    node = cluster.members[0]
    assert fixed_parameters()["ssl_ciphers"] == OPENSSL
    assert member_configuration(cluster, node, dict.fromkeys(NAMES, "x"), None)["restapi"]["ciphers"] == OPENSSL
    assert etcd_environment(cluster, node)["ETCD_CIPHER_SUITES"] == ",".join(GO)


def test_no_statement_with_a_password_is_logged_unless_somebody_wants_it() -> None:
    assert log_parameters(Settings())["log_statement"] == "none"
