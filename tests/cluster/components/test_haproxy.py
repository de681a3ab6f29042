"""haproxy.cfg of several clusters: what it says, and that this machine's HAProxy, where there is one, accepts it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.components.haproxy import configuration_text, quoted, service_ports
from cluster.components.haproxy_connections import port_connections, server_connections
from cluster.components.haproxy_servers import server_name, services
from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.pki.authority import Authority
from cluster.pki.certificates import HAPROXY, leaf_request
from cluster.secrets.secrets import Secret
from tests.inventories import clusters_of

ALL = ("postgres", "etcd", "haproxy")
PASSWORD = Secret("S3cret")


def cluster_of(*hosts: tuple[str, str, tuple[str, ...]], **settings: Any) -> Cluster:
    declared = [
        DeclaredHost(name, roles, {"cluster_address": address, **settings}, {}) for name, address, roles in hosts
    ]
    clusters, findings = declared_clusters(declared, {})
    assert not findings
    return clusters["main"]


def colocated(**settings: Any) -> Cluster:
    return cluster_of(*((f"pg{i}", f"10.0.0.{i}", ALL) for i in (1, 2, 3)), **settings)


def dedicated() -> Cluster:
    members = [(f"pg{i}", f"10.0.0.{i}", ("postgres", "etcd")) for i in (1, 2, 3)]
    return cluster_of(*members, ("lb1.example.net", "10.0.0.9", ("haproxy",)))


def ipv6_only() -> Cluster:
    return cluster_of(*((f"pg{i}", f"fd82::1{i}", ALL) for i in (1, 2, 3)))


def one_member() -> Cluster:
    return cluster_of(("pg1", "10.0.0.1", ALL))


def zoned(*zones: str | None, balancer: str | None = "a") -> Cluster:
    """Members in these zones, and an HAProxy of its own."""
    members = [
        DeclaredHost(f"pg{n}", ("postgres", "etcd"), {"cluster_address": f"10.0.0.{n}", "haproxy_zone": zone}, {})
        for n, zone in enumerate(zones, 1)
    ]
    last = DeclaredHost("lb1", ("haproxy",), {"cluster_address": "10.0.0.9", "haproxy_zone": balancer}, {})
    clusters, findings = declared_clusters([*members, last], {})
    assert not findings
    return clusters["main"]


def weighted() -> Cluster:
    hosts = [
        DeclaredHost(f"pg{n}", ALL, {"cluster_address": f"10.0.0.{n}", "haproxy_weight": weight}, {})
        for n, weight in ((1, 100), (2, 50), (3, 0))
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert not findings
    return clusters["main"]


CLUSTERS = {
    "colocated": colocated(),
    "dedicated": dedicated(),
    "ipv6_only": ipv6_only(),
    "one_member": one_member(),
    "synchronous": colocated(patroni_synchronous_mode="on"),
    "everywhere": colocated(haproxy_listen=["*"]),
    "virtual": colocated(cluster_extra_names=["db.example.net", "10.0.0.99", "fd82::99"]),
    "no_fallback": colocated(haproxy_replicas_fallback="none"),
    "lag": colocated(haproxy_replica_max_lag_mib=16, patroni_synchronous_mode="on"),
    "zones": zoned("a", "a", "b"),
    "weights": weighted(),
    "divided": colocated(haproxy_member_share="divided"),
    "for_ever": colocated(haproxy_unanswered_seconds=0),
    "other_ports": colocated(haproxy_primary_port=6000, patroni_rest_port=8009, postgres_port=5433),
}


def sections(cluster: Cluster, password: Secret = PASSWORD) -> dict[str, list[str]]:
    """The lines of each section without its comments. + cluster: as seen from its first balancer"""
    found: dict[str, list[str]] = {}
    for line in configuration_text(cluster, cluster.balancers[0], password).splitlines():
        if line and not line.startswith((" ", "#")):
            lines = found[line] = []
        elif line.strip() and not line.strip().startswith("#"):
            lines.append(line.strip())
    return found


def test_each_port_asks_patroni_for_the_members_that_fit() -> None:
    found = sections(colocated(patroni_synchronous_mode="on"))
    ports = {
        "listen primary": (5000, "/primary"),
        "listen replicas": (5001, "/replica"),
        "listen synchronous": (5002, "/sync"),
        "listen asynchronous": (5003, "/async"),
    }
    for name, (port, check) in ports.items():
        assert found[name][:2] == [
            f"bind 10.0.0.1:{port} transparent tcp-ut 120s",
            f"bind 127.0.0.1:{port} tcp-ut 120s",
        ]
        assert f"http-check send meth OPTIONS uri {check} ver HTTP/1.1 hdr Host patroni" in found[name]
        assert "http-check expect status 200" in found[name]
        weight = "" if name == "listen primary" else " weight 100"
        assert found[name][-3:] == [f"server pg{i} 10.0.0.{i}:5432{weight} tcp-ut 120s" for i in (1, 2, 3)]


def test_a_standby_of_a_quorum_has_a_check_of_its_own() -> None:
    found = sections(colocated(patroni_synchronous_mode="quorum"))["listen synchronous"]
    assert "http-check send meth OPTIONS uri /quorum ver HTTP/1.1 hdr Host patroni" in found


def test_the_port_for_any_member_asks_nobody_and_follows_those_that_have_asked() -> None:
    found = sections(colocated())["listen any"]
    assert found[:2] == ["bind 10.0.0.1:5004 transparent tcp-ut 120s", "bind 127.0.0.1:5004 tcp-ut 120s"]
    assert not [line for line in found if "httpchk" in line or "http-check" in line]
    assert [line for line in found if line.startswith("server ")] == [
        f"server pg{i}-{section} 10.0.0.{i}:5432 no-check track {section}/pg{i} weight 100 tcp-ut 120s"
        for i in (1, 2, 3)
        for section in ("primary", "replicas")
    ]


def test_in_a_standby_cluster_it_follows_the_readers_port_alone() -> None:
    clusters = clusters_of(Path("inventories/standby_cluster.py"))
    standby = next(one for one in clusters.values() if one.source)
    assert [one.follows for one in services(standby) if one.name == "any"] == [("replicas",)]


def test_each_balancer_asks_a_member_five_times_in_two_seconds() -> None:
    """What a cluster costs while it is idle hangs on this."""
    found = sections(colocated())
    asking = {name: lines for name, lines in found.items() if "option httpchk" in lines}
    default = next(line for line in found["defaults"] if line.startswith("default-server inter"))
    own = {name: next((line for line in lines if " inter " in line), default) for name, lines in asking.items()}
    assert {name: line.split()[2] for name, line in own.items()} == {"listen primary": "500ms", "listen replicas": "2s"}


def test_checks_go_to_patroni_over_verified_tls() -> None:
    check = "check port 8008 check-ssl verify required ca-file /etc/haproxy/pki/ca.crt"
    timing = "inter 2s fastinter 300ms downinter 2s rise 1 fall 2"
    assert [line for line in sections(colocated())["defaults"] if line.startswith("default-server")] == [
        "default-server maxconn 190",
        f"default-server {timing}",
        f"default-server {check}",
    ]


def test_only_sessions_to_a_demoted_primary_are_closed() -> None:
    closing = [name for name, lines in sections(colocated()).items() if any("shutdown-sessions" in x for x in lines)]
    assert closing == ["listen primary"]


def test_a_section_that_closes_sessions_never_retries() -> None:
    found = sections(colocated())
    assert "retries 0" in found["defaults"]
    assert not [line for line in found["listen primary"] if "retries" in line or "redispatch" in line]
    assert {"retries 2", "option redispatch 1"} <= set(found["listen replicas"])


def test_clients_wait_while_more_than_one_member_looks_like_the_primary() -> None:
    assert [line for line in sections(colocated())["listen primary"] if line.startswith("tcp-request")] == [
        "tcp-request inspect-delay 500ms",
        "tcp-request content accept if { nbsrv(primary) le 1 }",
        "tcp-request content accept if WAIT_END { nbsrv(primary) le 1 }",
        "tcp-request content reject if WAIT_END",
    ]


def test_a_single_member_makes_nobody_wait() -> None:
    assert not [line for line in sections(one_member())["listen primary"] if line.startswith("tcp-request")]


def test_readers_meet_the_primary_where_no_replica_is_fit_unless_declared_otherwise() -> None:
    fallback = "use_backend primary if { nbsrv(replicas) eq 0 }"
    assert fallback in sections(colocated())["listen replicas"]
    assert fallback not in configuration_text(CLUSTERS["no_fallback"], CLUSTERS["no_fallback"].nodes[0], PASSWORD)


def test_ports_that_nobody_declared_a_use_for_are_closed() -> None:
    assert not {"listen synchronous", "listen asynchronous"} & set(sections(colocated()))
    assert set(service_ports(colocated()).values()) == {5000, 5001, 5004, 7000}


def bound(cluster: Cluster) -> list[str]:
    """Where the first balancer takes writers."""
    return [
        line.removeprefix("bind ").removesuffix(" tcp-ut 120s")
        for line in sections(cluster)["listen primary"]
        if line.startswith("bind ")
    ]


def test_it_listens_on_declared_addresses_and_on_loopback() -> None:
    assert bound(colocated()) == ["10.0.0.1:5000 transparent", "127.0.0.1:5000"]
    virtual = colocated(cluster_extra_names=["db.example.net", "10.0.0.99"])
    assert bound(virtual) == ["10.0.0.1:5000 transparent", "10.0.0.99:5000 transparent", "127.0.0.1:5000"]
    chosen = colocated(haproxy_listen=["192.0.2.1"], cluster_extra_names=["10.0.0.99"])
    assert bound(chosen) == ["192.0.2.1:5000 transparent", "127.0.0.1:5000"]
    assert bound(colocated(haproxy_listen=["*"])) == ["*:5000"]


def test_binds_ipv6_only_where_the_cluster_has_it() -> None:
    found = sections(ipv6_only())
    assert bound(ipv6_only()) == ["[fd82::11]:5000 transparent", "127.0.0.1:5000", "[::1]:5000"]
    assert found["listen statistics"][0] == "bind [fd82::11]:7000 transparent ssl crt /etc/haproxy/pki/haproxy.pem"
    assert found["listen primary"][-1] == "server pg3 [fd82::13]:5432 tcp-ut 120s"
    everywhere = cluster_of(("pg1", "fd82::11", ALL), haproxy_listen=["*"])
    assert bound(everywhere) == ["*:5000", "[::]:5000 v6only"]


def test_a_dedicated_host_leads_to_the_members_and_not_to_itself() -> None:
    text = configuration_text(dedicated(), dedicated().node("lb1.example.net"), PASSWORD)
    assert "description main on lb1.example.net\n" in text
    assert not re.search(r"server \S+ 10\.0\.0\.9", text)


def test_every_port_is_a_setting() -> None:
    found = sections(CLUSTERS["other_ports"])
    assert "bind 10.0.0.1:6000 transparent tcp-ut 120s" in found["listen primary"]
    assert "server pg1 10.0.0.1:5433 tcp-ut 120s" in found["listen primary"]
    assert any("check port 8009" in line for line in found["defaults"])


def test_statistics_and_metrics_ask_for_the_login() -> None:
    found = sections(colocated())
    assert found["userlist statistics"] == ["user admin insecure-password 'S3cret'"]
    lines = found["listen statistics"]
    login = lines.index("http-request auth realm HAProxy unless { http_auth(statistics) }")
    assert login < lines.index("http-request use-service prometheus-exporter if { path /metrics }")


def test_a_port_that_is_full_leaves_the_others_and_the_statistics_page_theirs() -> None:
    found = sections(colocated(haproxy_max_connections=500))
    assert ("maxconn 1600" in found["global"], "maxconn 500" in found["defaults"]) == (True, True)
    found = sections(colocated(haproxy_max_connections=500, patroni_synchronous_mode="on"))
    assert "maxconn 2600" in found["global"] and "maxconn 100" in found["listen statistics"]


@pytest.mark.parametrize(
    ("settings", "each", "port"),
    [
        ({}, 190, 1140),
        ({"postgres_parameters": {"max_connections": "1000"}}, 990, 5940),
        ({"postgres_parameters": {"max_connections": 100, "reserved_connections": 10}}, 80, 480),
        ({"postgres_parameters": {"max_connections": 100, "superuser_reserved_connections": 2}}, 93, 558),
        # Patroni's own default, and PostgreSQL's.
        ({"postgres_parameters": {"max_connections": None, "superuser_reserved_connections": None}}, 92, 552),
        ({"postgres_version": 15}, 190, 1140),
        ({"haproxy_member_share": "divided"}, 31, 1140),
        ({"haproxy_member_share": "divided", "patroni_synchronous_mode": "on"}, 21, 1140),
        ({"haproxy_max_connections": 300}, 190, 300),
    ],
)
def test_what_a_member_takes_is_what_haproxy_gives_it(settings: dict[str, Any], each: int, port: int) -> None:
    cluster = colocated(**settings)
    assert (server_connections(cluster), port_connections(cluster)) == (each, port)
    assert {f"default-server maxconn {each}", f"maxconn {port}"} <= set(sections(cluster)["defaults"])


def test_divided_connections_never_exceed_what_a_member_takes() -> None:
    """A primary is behind two ports, a replica behind three of a synchronous mode, on each of the three HAProxys."""
    assert 3 * 2 * server_connections(colocated(haproxy_member_share="divided")) <= 190
    mode = colocated(haproxy_member_share="divided", patroni_synchronous_mode="on")
    assert 3 * 3 * server_connections(mode) <= 190


def test_who_finds_no_connection_waits_for_a_bounded_time() -> None:
    assert "timeout queue 30s" in sections(colocated())["defaults"]
    assert "timeout queue 5s" in sections(colocated(haproxy_queue_seconds=5))["defaults"]


def test_a_peer_that_acknowledges_nothing_is_given_up() -> None:
    text = configuration_text(CLUSTERS["for_ever"], CLUSTERS["for_ever"].nodes[0], PASSWORD)
    assert " tcp-ut 1" not in text and " tcp-ut 0" not in text
    found = sections(colocated(haproxy_unanswered_seconds=45))
    sides = [line for lines in found.values() for line in lines if line.startswith(("bind ", "server "))]
    sides = [line for line in sides if " ssl " not in line]
    assert len(sides) == 6 + 12 and all(line.endswith(" tcp-ut 45s") for line in sides)
    assert not [line for lines in found.values() for line in lines if line.startswith("default-server tcp-ut")], (
        "HAProxy takes it there and does nothing with it"
    )


def checks(cluster: Cluster) -> list[str]:
    return [line.split()[5] for lines in sections(cluster).values() for line in lines if "meth OPTIONS" in line]


def test_a_limit_of_lag_is_asked_for_on_every_port_for_readers_and_on_no_other() -> None:
    with_limit = ["/primary", "/replica?lag=16MB", "/sync?lag=16MB", "/async?lag=16MB"]
    assert checks(CLUSTERS["lag"]) == with_limit
    assert checks(colocated(haproxy_replica_max_lag_mib=0)) == checks(colocated()) == ["/primary", "/replica"]
    one = cluster_of(("pg1", "10.0.0.1", ALL), haproxy_replica_max_lag_mib=3)
    standby = replace(one, source=one)
    assert checks(standby) == ["/primary", "/read-only?lag=3MB"]


def preferences(cluster: Cluster, section: str = "listen replicas") -> dict[str, str]:
    """What follows the address of each server, without whom it tracks."""
    lines = [line.split() for line in sections(cluster)[section] if line.startswith("server ")]
    words = {line[1]: " ".join(line[3:]).partition("weight ")[2] for line in lines}
    return {name: one.replace("tcp-ut 120s", "").strip() for name, one in words.items()}


def test_the_members_of_a_zone_come_first_there_and_the_others_take_over_together() -> None:
    found = sections(CLUSTERS["zones"])
    assert preferences(CLUSTERS["zones"]) == {"pg1": "100", "pg2": "100", "pg3": "100 backup"}
    assert {name: "backup" in words for name, words in preferences(CLUSTERS["zones"], "listen any").items()} == {
        f"pg{n}-{section}": n == 3 for n in (1, 2, 3) for section in ("primary", "replicas")
    }
    assert "option allbackups" in found["listen replicas"] and "option allbackups" in found["listen any"]
    assert not [line for line in found["listen primary"] if "backup" in line or "weight" in line]


@pytest.mark.parametrize(
    ("zones", "balancer"),
    [((None, None, None), "a"), (("b", "b", "c"), "a"), (("a", "b", "c"), None), (("a",) * 3, "a")],
)
def test_where_a_zone_says_nothing_all_members_are_alike(zones: tuple[str | None, ...], balancer: str | None) -> None:
    cluster = zoned(*zones, balancer=balancer)
    assert set(preferences(cluster).values()) == {"100"}
    assert "option allbackups" not in configuration_text(cluster, cluster.balancers[0], PASSWORD)


def test_a_weight_is_a_member_s_share_of_readers_alone() -> None:
    assert preferences(weighted()) == {"pg1": "100", "pg2": "50", "pg3": "0"}
    assert set(preferences(weighted(), "listen primary").values()) == {""}


def test_holds_no_name_that_haproxy_would_refuse() -> None:
    cluster = cluster_of(("@docker/pg1", "10.0.0.1", ALL))
    assert sections(cluster)["listen primary"][-1] == "server _docker_pg1 10.0.0.1:5432 tcp-ut 120s"
    assert server_name(ipv6_only().nodes[0]) == "pg1"


@pytest.mark.parametrize("text", ["plain", "with space", 'a "b" #c $HOME', r"back\slash", "it's"])
def test_a_quoted_word_stays_one_word(text: str) -> None:
    assert subprocess.run(["sh", "-c", f"printf %s {quoted(text)}"], capture_output=True, text=True).stdout == text


@pytest.mark.parametrize("name", CLUSTERS)
def test_haproxy_accepts_the_file(name: str, tmp_path: Path) -> None:
    """Where this machine has HAProxy it reads the file; without one, only the file's form is looked at."""
    cluster = CLUSTERS[name]
    text = configuration_text(cluster, cluster.balancers[0], Secret("""it's a "pass" #1 $HOME \\x"""))
    assert text.endswith("\n") and not re.search(r"\n\n\n|[ \t]\n|\{\{|\{%", text)
    if shutil.which("haproxy"):
        done = subprocess.run(
            ["haproxy", "-c", "-f", _at_home(text, cluster, tmp_path)], capture_output=True, text=True
        )
        assert done.returncode == 0 and "[ALERT]" not in done.stderr, done.stderr


def _at_home(text: str, cluster: Cluster, directory: Path) -> str:
    """Write the file with certificates that exist, and return its path."""
    authority = Authority.load_or_create(directory / "ca", cluster.name)
    leaf = authority.issue(leaf_request(cluster, cluster.balancers[0], HAPROXY))
    (directory / "ca.crt").write_text(authority.trust_pem)
    (directory / "haproxy.pem").write_text(leaf.certificate_pem + leaf.key_pem)
    path = directory / "haproxy.cfg"
    path.write_text(text.replace(HAPROXY.directory, str(directory)))
    return str(path)
