"""Exporters as declared: where they listen, whom they let in, what is scraped, and nothing of it where it is off."""

from __future__ import annotations

import json
from typing import Any

import bcrypt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.all import (
    certificate_places,
    held_places,
    listeners,
    owned_paths,
    port_matrix,
    unwanted,
)
from cluster.components.monitoring import SERVING, exporter_places
from cluster.components.monitoring.alertmanager import configuration_text as alerts
from cluster.components.monitoring.etcd_metrics import etcd_metrics_component
from cluster.components.monitoring.export import cluster_files, grafana_files, shared_files
from cluster.components.monitoring.exporter import web_file
from cluster.components.monitoring.postgres_exporter import data_source
from cluster.components.monitoring.prometheus import configuration_text, hashed, prometheus_component
from cluster.components.monitoring.targets import file_sd, jobs
from cluster.components.pg_hba import hba_lines
from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.pki.certificates import MONITORING, SCRAPER, leaf_request
from cluster.secrets.secrets import Secret
from tests.golden.examples import example
from tests.inventories import one_host_cluster

ALL = ("postgres", "etcd", "haproxy")


def watched(**settings: Any) -> Cluster:
    """One host with everything, and one that watches it."""
    given = {"monitoring": True, **settings}
    hosts = [
        DeclaredHost("pg1", ALL, {"cluster_address": "10.0.0.1", **given}, {}),
        DeclaredHost("mon1", ("monitor",), {"cluster_address": "10.0.0.9", **given}, {}),
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


def alone(name: str) -> Cluster:
    """A cluster of that name with one host."""
    data = {"cluster_address": "10.0.0.1", "monitoring": True, "cluster_name": name}
    clusters, findings = declared_clusters([DeclaredHost("pg1", ALL, data, {})], {})
    assert findings == []
    return clusters[name]


def test_every_exporter_listens_at_the_address_of_the_cluster_alone() -> None:
    cluster = example("monitored")
    for node in cluster:
        for one in (one for component in SERVING for one in component.listens(cluster, node)):
            assert one.addresses == (str(node.address),), one
    local = [one for one in listeners(cluster, cluster.nodes[0]) if one.setting == "monitoring_etcd_local_port"]
    assert [one.addresses for one in local] == [("127.0.0.1",)]


def test_the_scraper_alone_is_let_in() -> None:
    tls = yaml.safe_load(web_file().content)["tls_server_config"]
    assert (tls["client_auth_type"], tls["client_ca_file"]) == ("RequireAndVerifyClientCert", MONITORING.authority)
    words = etcd_metrics_component(cluster := watched(), cluster.node("pg1")).files[-1].content
    assert "-web.listen-address= " in words and "-web.tls.verify " in words
    assert f"-web.tls.ca={MONITORING.authority}" in words
    # A server's certificate makes nobody a client, and the scraper's no server.
    server, client = (leaf_request(cluster, cluster.node("pg1"), place) for place in (MONITORING, SCRAPER))
    assert (server.server, server.client, client.server, client.client) == (True, False, False, True)


@given(st.booleans(), st.sampled_from(("none", "haproxy", "members")))
def test_where_it_is_off_nothing_is_installed_opened_or_let_in(on: bool, pools: str) -> None:
    cluster = one_host_cluster(monitoring=on, pgbouncer_on=pools)
    node = cluster.node("pg1")
    made = [one for one in SERVING if one.files(cluster, node, {}).files]
    assert bool(made) is bool(exporter_places(cluster, node)) is on
    assert all(one in unwanted(cluster, node) for one in SERVING if one not in made)
    assert any("prometheus" in line for line in hba_lines(cluster)) is on
    assert any(one.what.startswith("monitoring_") for one in port_matrix(cluster)) is False  # nobody is declared


def test_who_may_reach_them_is_declared_or_watches() -> None:
    cluster = watched(firewall_monitoring_networks=["198.51.100.0/24"])
    rows = [one for one in port_matrix(cluster) if one.host == "pg1" and one.what.startswith("monitoring_")]
    assert {one.what for one in rows} == {f"monitoring_{name}_port" for name in ("node", "postgres", "etcd")}
    assert {one.who for one in rows} == {"monitoring", "mon1"}


def test_the_role_comes_by_the_socket_alone_and_before_all_others() -> None:
    lines = hba_lines(watched())
    mine = [line for line in lines if "prometheus" in line]
    assert mine == [
        "local postgres prometheus peer",
        "local all prometheus reject",
        "hostssl all prometheus all reject",
    ]
    assert lines.index(mine[-1]) < lines.index("local all all scram-sha-256")
    assert "user=prometheus dbname=postgres" in data_source(watched(postgres_port=5433))
    assert "port=5433" in data_source(watched(postgres_port=5433))


def test_every_target_has_its_cluster_and_its_member() -> None:
    cluster = watched()
    found = {job.name: json.loads(file_sd(cluster, job)) for job in jobs(cluster)}
    assert list(found) == ["node", "postgres", "etcd", "patroni", "haproxy", "prometheus", "alertmanager"]
    assert found["etcd"] == [{"targets": ["10.0.0.1:2381"], "labels": {"cluster": "main", "member": "pg1"}}]
    assert [one["labels"]["member"] for one in found["node"]] == ["pg1", "mon1"]


def test_only_exporters_and_haproxy_see_the_scraper_s_certificate() -> None:
    """Patroni would turn it away, for it is no member's."""
    configs = yaml.safe_load(configuration_text(cluster := watched(), cluster.node("mon1")))["scrape_configs"]
    shows = {one["job_name"] for one in configs if "cert_file" in one["tls_config"]}
    assert shows == {"node", "postgres", "etcd", "haproxy"}
    assert {one["job_name"] for one in configs if "basic_auth" in one} == {"prometheus", "alertmanager"}
    assert all(one["scheme"] == "https" and one["tls_config"]["ca_file"] for one in configs)


def test_haproxy_is_scraped_where_it_listens() -> None:
    given = {"cluster_address": "10.0.0.1", "client_address": "10.1.0.1", "monitoring": True}
    clusters, findings = declared_clusters([DeclaredHost("pg1", ALL, given, {})], {})
    assert findings == []
    (target,) = next(job.targets for job in jobs(clusters["main"]) if job.name == "haproxy")
    assert (str(target.address), target.network) == ("10.1.0.1", "client")


def test_an_export_of_two_clusters_fits_into_one_prometheus() -> None:
    first, second = (
        yaml.safe_load(cluster_files(alone(name))["scrape_configs.yml"])["scrape_configs"]
        for name in ("orders", "shop")
    )
    names = [one["job_name"] for one in (*first, *second)]
    assert len(set(names)) == len(names) and "orders-node" in names
    (node,) = [one for one in first if one["job_name"] == "orders-node"]
    assert node["relabel_configs"] == [{"target_label": "job", "replacement": "node"}]
    assert not any("basic_auth" in one for one in first)
    assert all(not path.startswith("/") for one in first for path in one["file_sd_configs"][0]["files"])
    assert any(path.startswith("rules/") for path in shared_files(()))


def test_a_login_is_hashed_the_same_way_each_time_and_another_one_differently() -> None:
    assert hashed("one") == hashed("one") != hashed("two")
    assert bcrypt.checkpw(b"one", hashed("one").encode())


@pytest.mark.parametrize(
    ("settings", "receiver"),
    [
        ({}, {"name": "people"}),
        (
            {"monitoring_webhook_url": "https://example.net/alerts"},
            {"name": "people", "webhook_configs": [{"url": "https://example.net/alerts", "send_resolved": True}]},
        ),
    ],
)
def test_alerts_go_to_whom_is_declared_and_the_watchdog_to_nobody_else(
    settings: dict[str, Any], receiver: dict[str, Any]
) -> None:
    told = yaml.safe_load(alerts(watched(**settings)))
    assert told["receivers"] == [receiver, {"name": "nobody"}]
    assert told["route"]["routes"] == [{"matchers": ['alertname="Watchdog"'], "receiver": "nobody"}]
    switch = yaml.safe_load(alerts(watched(**settings, monitoring_watchdog_url="https://example.net/alive")))
    assert switch["receivers"][1]["webhook_configs"][0]["url"] == "https://example.net/alive"
    assert switch["route"]["routes"][0]["repeat_interval"] == "1m"


def test_mail_goes_out_encrypted_and_with_its_login(tmp_path: Any) -> None:
    secret = tmp_path / "mail"
    secret.write_text("smtp-password-of-the-test\n")
    secret.chmod(0o600)
    mail = {
        "monitoring_mail_to": ["dba@example.net"],
        "monitoring_mail_from": "shop@example.net",
        "monitoring_mail_smarthost": "mail.example.net:587",
    }
    login = {"monitoring_mail_user": "shop", "monitoring_mail_password_file": str(secret)}
    (one,) = yaml.safe_load(alerts(watched(**mail, **login)))["receivers"][0]["email_configs"]
    assert (one["to"], one["require_tls"]) == ("dba@example.net", True)
    assert one["auth_password"] == "smtp-password-of-the-test"
    (one,) = yaml.safe_load(alerts(watched(**mail)))["receivers"][0]["email_configs"]
    assert "auth_username" not in one


def test_grafana_gets_the_login_where_there_is_one() -> None:
    for login, password in ((("monitoring", "x"), {"basicAuthPassword": "x"}), (None, None)):
        given = grafana_files("https://10.0.0.9:9090", login, "/d")["datasources/pyinfra-patroni.yml"]
        (source,) = yaml.safe_load(given)["datasources"]
        assert source.get("secureJsonData") == password


def two(**settings: Any) -> dict[str, Cluster]:
    """Two clusters of one host each, of which the first has one that watches both."""
    first = {"monitoring": True, "cluster_name": "orders", "monitoring_watches": ["shop"], **settings}
    second = {"monitoring": True, "cluster_name": "shop"}
    hosts = [
        DeclaredHost("pg1", ALL, {"cluster_address": "10.0.0.1", **first}, {}),
        DeclaredHost("mon1", ("monitor",), {"cluster_address": "10.0.0.9", **first}, {}),
        DeclaredHost("pg2", ALL, {"cluster_address": "10.0.0.2", **second}, {}),
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters


def test_one_host_watches_several_clusters_each_with_its_own_certificate() -> None:
    orders, shop = two().values()
    node = orders.node("mon1")
    told = yaml.safe_load(configuration_text(orders, node))["scrape_configs"]
    names = [one["job_name"] for one in told]
    assert len(set(names)) == len(names) and {"node", "shop-node", "shop-haproxy"} <= set(names)
    (node_of_shop,) = [one for one in told if one["job_name"] == "shop-node"]
    assert node_of_shop["tls_config"]["cert_file"] == f"{SCRAPER.directory}/shop/scraper.crt"
    assert node_of_shop["relabel_configs"] == [{"target_label": "job", "replacement": "node"}]
    (lent,) = set(held_places(orders, node)) - set(certificate_places(orders, node))
    assert lent.directory == f"{SCRAPER.directory}/shop" and lent.directory in owned_paths(orders, node)
    files = {file.path: file.content for file in prometheus_component(orders, node, Secret("x")).files}
    (targets,) = [json.loads(text) for path, text in files.items() if path.endswith("targets/shop/node.json")]
    assert targets == [{"targets": ["10.0.0.2:9100"], "labels": {"cluster": "shop", "member": "pg2"}}]
    # And it is let in there, by whatever is scraped and by nothing else.
    ports = {one.port for one in port_matrix(shop) if one.who == "mon1"}
    assert ports == {9100, 9187, 2381, 8008, 7000}
