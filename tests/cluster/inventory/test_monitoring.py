"""What of monitoring would not work as declared, refused before any host is touched."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.components.monitoring.shipped import limit_names, rules
from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost

MAIL = {
    "monitoring_mail_to": ["dba@example.net"],
    "monitoring_mail_from": "shop@example.net",
    "monitoring_mail_smarthost": "mail.example.net:587",
}


def found(**settings: Any) -> list[Finding]:
    given = {"monitoring": True, **settings}
    hosts = [
        DeclaredHost("pg1", ("postgres", "etcd", "haproxy"), {"cluster_address": "10.0.0.1", **given}, {}),
        DeclaredHost("mon1", ("monitor",), {"cluster_address": "10.0.0.9", **given}, {}),
    ]
    return declared_clusters(hosts, {})[1]


def problem(**settings: Any) -> str:
    """The one thing that is wrong, of each host the same."""
    return next(iter({one.problem for one in found(**settings)}))


def test_what_works_is_not_refused() -> None:
    assert found() == found(**MAIL) == found(monitoring_webhook_url="https://example.net/a") == []
    # Ports that nobody opens are nobody's.
    assert (
        declared_clusters(
            [DeclaredHost("pg1", ("postgres", "etcd"), {"cluster_address": "10.0.0.1", "postgres_port": 9187}, {})], {}
        )[1]
        == []
    )


def test_a_receiver_without_an_address() -> None:
    sender = {key: value for key, value in MAIL.items() if key != "monitoring_mail_to"}
    assert problem(**sender) == "monitoring_mail_from is set without monitoring_mail_to: the mail has no receiver"
    assert problem(monitoring_mail_to=["dba@example.net"]) == (
        "monitoring_mail_to is set without monitoring_mail_from and monitoring_mail_smarthost: no mail would go out"
    )
    assert "is no mail address" in problem(**{**MAIL, "monitoring_mail_to": ["dba"]})
    assert problem(**MAIL, monitoring_mail_user="shop") == (
        "monitoring_mail_user and monitoring_mail_password_file belong together"
    )


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("monitoring_webhook_url", "example.net", "is no URL with http or https and a host"),
        ("monitoring_grafana_url", "ftp://grafana", "is no URL with http or https and a host"),
        ("monitoring_mail_smarthost", "mail.example.net", "is no host with its port, such as mail.example.net:587"),
    ],
)
def test_what_is_no_place(setting: str, value: str, words: str) -> None:
    assert words in problem(**{**MAIL, setting: value})


def test_a_host_that_watches_nothing() -> None:
    (one,) = found(monitoring=False)
    assert one.problem == "mon1 is in the group monitor, and monitoring is False: there would be nothing to scrape"
    assert one.hint == "Set monitoring = True, or take the host out of the group."


def test_the_exporters_role_is_nobody_else_s() -> None:
    (one,) = found(postgres_admin_user="prometheus")
    assert one.problem == "prometheus is the role with which the exporters come, and it may do nothing but look"
    (one,) = found(postgres_databases=[{"name": "shop", "owner": "prometheus"}])
    assert one.what == "postgres_databases"
    assert found(monitoring_etcd_port=9100)[0].problem == "9100 is also the value of monitoring_node_port"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["shop"], "main is to watch shop, which is no cluster here"),
        (["main"], "main is to watch itself, which it does in any case"),
        (["other"], "main is to watch other, where monitoring is False"),
    ],
)
def test_a_cluster_that_cannot_be_watched(names: list[str], words: str) -> None:
    given = {"monitoring": True, "monitoring_watches": names}
    roles = ("postgres", "etcd", "haproxy")
    hosts = [
        DeclaredHost("pg1", (*roles, "monitor"), {"cluster_address": "10.0.0.1", **given}, {}),
        DeclaredHost("pg2", roles, {"cluster_address": "10.0.0.2", "cluster_name": "other"}, {}),
    ]
    (one,) = declared_clusters(hosts, {})[1]
    assert one.problem == words
    assert one.hint == "The inventory has main, other; name others of these that have monitoring = True."


def test_a_limit_that_no_alert_has() -> None:
    assert found(monitoring_limits={"replica_lag:bytes": 268435456.0}) == []
    assert problem(monitoring_limits={"lag:bytes": 1.0}) == "no alert compares with 'lag:bytes'"


def test_a_declared_limit_takes_the_place_of_ours() -> None:
    changed = rules({"transaction:seconds": 60})["limits.yml"]
    assert '{record: "limit:transaction:seconds", expr: "60"}' in changed
    assert '{record: "limit:prepared_transaction:seconds", expr: "3600"}' in changed
    assert set(limit_names()) >= {"replica_lag:bytes", "transaction:seconds", "certificate_end:days"}


def test_alerts_link_to_where_the_pages_can_be_read() -> None:
    pages = "https://wiki.example.net/postgres/"
    assert found(monitoring_pages_url=pages) == []
    linked = rules({}, pages)["patroni.yml"]
    assert "runbook_url: docs/" not in linked
    assert f"runbook_url: {pages}docs/failure-guide.md#alerts-about-patroni" in linked
    assert "runbook_url: docs/" in rules({})["patroni.yml"]
