"""etcd's environment files."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.components.etcd import (
    BOOTSTRAP,
    DROP_IN,
    bootstrap_file,
    declared_peers,
    etcd_component,
    etcd_environment,
    peer_url,
)
from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost


def cluster(*addresses: str, **settings: Any) -> Cluster:
    hosts = [
        DeclaredHost(f"db{n}", ("etcd", "postgres"), {"cluster_address": address, **settings}, {})
        for n, address in enumerate(addresses or ("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return next(iter(clusters.values()))


def environment(declared: Cluster) -> dict[str, str]:
    return etcd_environment(declared, declared.etcd[0])


def test_listens_on_its_own_address_and_for_itself_on_loopback() -> None:
    values = environment(cluster())
    assert values["ETCD_LISTEN_CLIENT_URLS"] == "https://10.0.0.1:2379,https://127.0.0.1:2379"
    assert values["ETCD_LISTEN_PEER_URLS"] == "https://10.0.0.1:2380"
    assert values["ETCD_ADVERTISE_CLIENT_URLS"] == "https://10.0.0.1:2379"


def test_ipv6_stands_in_brackets() -> None:
    values = environment(cluster("fd82::1"))
    assert values["ETCD_LISTEN_CLIENT_URLS"] == "https://[fd82::1]:2379,https://[::1]:2379"
    assert values["ETCD_INITIAL_ADVERTISE_PEER_URLS"] == "https://[fd82::1]:2380"


@pytest.mark.parametrize("ports", [{"etcd_client_port": 12379, "etcd_peer_port": 12380}])
def test_every_url_has_the_declared_port(ports: dict[str, int]) -> None:
    declared = cluster(**ports)
    urls = [value for name, value in environment(declared).items() if name.endswith("_URLS")]
    assert not [url for url in urls if ":2379" in url or ":2380" in url]
    assert declared.etcd_endpoints[0] == "https://10.0.0.1:12379"


def test_clients_and_peers_show_certificates() -> None:
    values = environment(cluster())
    assert values["ETCD_CLIENT_CERT_AUTH"] == values["ETCD_PEER_CLIENT_CERT_AUTH"] == "true"
    assert not [value for value in values.values() if "http://" in value]


def test_units_are_those_of_etcd() -> None:
    values = environment(cluster(etcd_quota_mib=64, etcd_compaction_hours=5))
    assert values["ETCD_QUOTA_BACKEND_BYTES"] == "67108864"
    assert values["ETCD_AUTO_COMPACTION_RETENTION"] == "5h"
    assert values["ETCD_AUTO_COMPACTION_MODE"] == "periodic"


def test_what_is_read_at_every_start_names_no_other_member() -> None:
    """So a later member restarts nobody."""
    text = "".join(environment(cluster()).values())
    assert "10.0.0.2" not in text and "INITIAL_CLUSTER" not in "".join(environment(cluster()))


def test_what_only_the_first_start_reads_is_not_loaded_again() -> None:
    (unit,) = etcd_component(cluster(), cluster().etcd[0]).units
    assert BOOTSTRAP not in unit.loads
    assert unit.load is None, "a restart is the ordered procedure's, never a reload's"


@pytest.mark.parametrize("state", ["new", "existing"])
def test_the_bootstrap_file(state: str) -> None:
    file = bootstrap_file(cluster(), declared_peers(cluster()), state=state)
    assert file.path == "/etc/etcd/bootstrap.env"
    assert file.content.splitlines()[1:] == [
        "ETCD_INITIAL_CLUSTER=db1=https://10.0.0.1:2380,db2=https://10.0.0.2:2380,db3=https://10.0.0.3:2380",
        f"ETCD_INITIAL_CLUSTER_STATE={state}",
        "ETCD_INITIAL_CLUSTER_TOKEN=main-etcd",
    ]


def test_two_clusters_never_share_a_token_or_a_directory() -> None:
    shop, main = cluster(cluster_name="shop"), cluster()
    assert "shop-etcd" in bootstrap_file(shop, declared_peers(shop), state="new").content
    assert environment(shop)["ETCD_DATA_DIR"] == "/var/lib/etcd/shop"
    assert environment(main)["ETCD_DATA_DIR"] == "/var/lib/etcd/main"


def test_peers() -> None:
    assert peer_url(cluster(), cluster().etcd[1]) == "https://10.0.0.2:2380"
    assert declared_peers(cluster(), cluster().etcd[:1]) == {"db1": "https://10.0.0.1:2380"}


def test_systemd_starts_it_again_and_reads_both_files() -> None:
    files = {file.path: file.content for file in etcd_component(cluster(), cluster().etcd[0]).files}
    drop_in = files[DROP_IN].splitlines()
    assert {"Restart=on-failure", "StartLimitIntervalSec=0", "EnvironmentFile=-/etc/etcd/bootstrap.env"} <= set(drop_in)
