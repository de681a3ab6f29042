"""Ports that peers do not reach or that others took: in exact words, and never our own services."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.preflight.ports import needed_ports, peer_findings, serves_etcd, source_findings
from tests.cluster.preflight_hosts import PORTS, a_cluster, findings, host, listens, picture, rows, running

HINT = "Let the firewalls on the way and on this host pass TCP between the hosts of the cluster."


def answer(n, port, said="open", reason=""):
    return {"address": f"10.0.0.{n}", "port": port, "answer": said, "reason": reason}


def silent(n, port):
    return answer(n, port, "blocked", "no answer in 5 seconds")


FRESH = {f"pg{n}": picture(n) for n in (1, 2, 3)}


def test_ports_are_needed_by_role():
    groups = {"db1": ("postgres",), "e1": ("etcd",), "e2": ("etcd",), "e3": ("etcd",), "lb": ("haproxy",)}
    hosts = [host(name, *roles, cluster_address=f"10.0.0.{n}") for n, (name, roles) in enumerate(groups.items(), 1)]
    cluster = declared_clusters([*hosts, host("b", "backup", cluster_address="10.0.0.9")], {})[0]["main"]
    client = [(f"10.0.0.{n}", 2379) for n in (2, 3, 4)]
    assert needed_ports(cluster, cluster.node("db1")) == [("10.0.0.9", 8432), *client]
    assert needed_ports(cluster, cluster.node("e1")) == [(f"10.0.0.{n}", port) for n in (3, 4) for port in (2379, 2380)]
    assert needed_ports(cluster, cluster.node("lb")) == [("10.0.0.1", 5432), ("10.0.0.1", 8008)]
    assert needed_ports(cluster, cluster.node("b")) == [("10.0.0.1", 8432)]  # nothing of it is let in by etcd


@given(st.integers(1, 5).filter(lambda size: size != 2 and size != 4))
def test_no_host_needs_a_port_of_its_own(size):
    cluster = a_cluster(*(f"h{n}" for n in range(size)))
    for node in cluster:
        ports = needed_ports(cluster, node)
        assert len(ports) == len(set(ports)) == 4 * (size - 1)
        assert str(node.address) not in {address for address, _ in ports}


def test_refused_only_says_that_nothing_listens_yet():
    assert peer_findings(a_cluster(), FRESH, {"pg1": [answer(2, 5432, "refused"), answer(2, 8008)]}) == []


def test_blocked_ports_are_one_finding_for_those_they_are_kept_from():
    peers = {
        "pg1": [silent(2, 5432), silent(2, 2380), answer(3, 5432)],
        "pg2": None,
        "pg3": [silent(2, 5432), silent(2, 2380)],
    }
    assert peer_findings(a_cluster(), FRESH, peers) == [
        Finding(
            "pg2",
            "firewall",
            "ports 2380, 5432 of 10.0.0.2 cannot be reached from pg1 and pg3: no answer in 5 seconds",
            HINT,
        )
    ]


def test_no_route_is_blocked_too():
    peers = {"pg1": [answer(3, 8008, "blocked", "No route to host")]}
    problem = "port 8008 of 10.0.0.3 cannot be reached from pg1: No route to host"
    assert peer_findings(a_cluster(), FRESH, peers) == [Finding("pg3", "firewall", problem, HINT)]


def test_refused_where_the_host_itself_says_that_it_listens_is_a_firewall():
    pictures = {**FRESH, "pg2": running(2)}
    peers = {"pg1": [answer(2, 5432, "refused"), answer(2, 9999, "refused")]}
    problem = "port 5432 of 10.0.0.2 cannot be reached from pg1: refused, although a service listens there"
    assert rows(peer_findings(a_cluster(), pictures, peers)) == [("pg2", "firewall", problem)]


def test_a_firewall_of_ours_is_opened_by_the_run_for_whom_it_does_not_know_yet():
    pictures = {**FRESH, "pg2": running(2, firewalled=True)}
    assert peer_findings(a_cluster(), pictures, {"pg1": [answer(2, 5432, "refused")]}) == []
    problem = "port 5432 of 10.0.0.2 cannot be reached from pg1: no answer in 5 seconds"
    assert rows(peer_findings(a_cluster(), pictures, {"pg1": [silent(2, 5432)]})) == [("pg2", "firewall", problem)]


def test_refused_where_it_listens_on_loopback_only_is_no_firewall():
    pictures = {**FRESH, "pg2": picture(2, listening=[listens(5432, "postgresql@17-main.service", "127.0.0.1")])}
    assert peer_findings(a_cluster(), pictures, {"pg1": [answer(2, 5432, "refused")]}) == []


def test_a_host_that_cannot_be_reached_has_a_finding_of_its_own_and_no_second_one():
    assert peer_findings(a_cluster(), {**FRESH, "pg2": None}, {"pg1": [silent(2, 5432)]}) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1"])
def test_a_port_that_somebody_else_took(address):
    taken = picture(1, listening=[listens(8008, "foo.service", address, "python3")])
    assert findings(pg1=taken) == [
        Finding(
            "pg1",
            "patroni_rest_port",
            f"port 8008 is taken by python3 of foo.service on {address}",
            "Stop that service, or set patroni_rest_port to a port that is free.",
        )
    ]


def test_a_port_that_a_process_without_a_unit_took():
    taken = picture(1, listening=[listens(5000, "")])
    assert rows(findings(pg1=taken)) == [
        ("pg1", "haproxy_primary_port", "port 5000 is taken by a process that is no service on 0.0.0.0")
    ]


def test_the_same_port_on_an_address_that_is_not_the_clusters_is_free_for_us():
    assert findings(pg1=picture(1, listening=[listens(5432, "foo.service", "172.17.0.1")])) == []


@given(st.sampled_from(sorted(PORTS)), st.sampled_from(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1", "::1"]))
def test_our_own_services_are_never_reported(port, address):
    own = [listens(port, f"{PORTS[port]}.service", address)]
    assert findings(pg1=running(1, listening=own)) == []
    unseen = [{**own[0], "unit": None}]  # where nobody could see whose the socket is, the active unit counts
    assert findings(pg1=running(1, listening=unseen)) == []


def test_where_nobody_can_see_the_owner_a_unit_that_is_down_does_not_own_the_port():
    assert rows(findings(pg1=picture(1, listening=[listens(2379, None)]))) == [
        ("pg1", "etcd_client_port", "port 2379 is taken by a process that is no service on 0.0.0.0")
    ]


def test_an_etcd_that_is_somebody_elses():
    serving = [listens(2379, "etcd.service", "10.0.0.1"), listens(2380, "etcd.service", "10.0.0.1")]
    assert findings(pg1=picture(1, listening=serving, active=["etcd.service"])) == [
        Finding(
            "pg1",
            "etcd",
            "an etcd that is not this cluster's serves other hosts on port 2379",
            "Put this cluster's etcd on other hosts, or stop that one and move its data away if it is not needed.",
        )
    ]


def test_the_etcd_that_debians_package_starts_is_in_nobodys_way():
    idle = [listens(2379, "etcd.service", "127.0.0.1"), listens(2380, "etcd.service", "127.0.0.1")]
    assert findings(pg1=picture(1, listening=idle, active=["etcd.service"])) == []


def test_etcd_is_asked_only_where_it_serves_the_cluster():
    cluster = a_cluster()
    assert serves_etcd(cluster, cluster.node("pg1"), running(1))
    assert not serves_etcd(cluster, cluster.node("pg1"), picture(1))


def test_a_host_that_would_come_from_another_address_is_named():
    cluster = a_cluster()
    sources = {
        "pg1": {"10.0.0.2": "10.0.0.1", "10.0.0.3": "10.0.0.1"},
        "pg2": {"10.0.0.1": "10.9.9.9", "10.0.0.3": "10.9.9.9"},
        "pg3": None,
    }
    (found,) = source_findings(cluster, sources)
    assert (found.where, found.what) == ("pg2", "cluster_address")
    assert found.problem == (
        "10.0.0.2: connections to pg1, pg3 come from 10.9.9.9, and members are let in by their address"
    )
    assert "`ip route get 10.0.0.1`" in found.hint
    assert source_findings(cluster, {"pg1": {}}) == []


def test_who_is_known_by_a_certificate_alone_may_come_from_anywhere():
    groups = {"pg1": ("postgres", "etcd"), "pg2": ("postgres",), "lb": ("haproxy",), "b": ("backup",)}
    hosts = [host(name, *roles, cluster_address=f"10.0.0.{n}") for n, (name, roles) in enumerate(groups.items(), 1)]
    cluster = declared_clusters(hosts, {})[0]["main"]
    beside = {"10.0.0.1": "192.168.0.7", "10.0.0.2": "192.168.0.7"}
    assert source_findings(cluster, {"lb": beside, "b": beside, "pg2": {"10.0.0.4": "192.168.0.7"}}) == []
    assert [one.where for one in source_findings(cluster, {"pg2": {"10.0.0.1": "192.168.0.7"}})] == ["pg2"]


def test_where_kinds_of_addresses_are_mixed_nobody_is_told_to_take_the_other_s():
    hosts = [
        host("pg1", "postgres", "etcd", cluster_address="10.0.0.1"),
        host("pg2", "postgres", cluster_address="fd00::2"),
    ]
    cluster = declared_clusters(hosts, {})[0]["main"]
    found = source_findings(cluster, {"pg1": {"fd00::2": "fd00::1"}, "pg2": {"10.0.0.1": "10.0.0.2"}})
    assert [one.where for one in found] == ["pg1", "pg2"]
    assert {one.hint.partition(" for all")[0] for one in found} == {"Declare addresses of one kind, IPv4 or IPv6,"}


APART = {
    "pg1": {"cluster_address": "10.0.0.1", "client_address": "10.1.0.1", "backup_address": "10.2.0.1"},
    "pg2": {"cluster_address": "10.0.0.2", "client_address": "10.1.0.2", "backup_address": "10.2.0.2"},
    "b": {"cluster_address": "10.0.0.4", "backup_address": "10.2.0.4"},
}
GROUPS = {"pg1": ("postgres", "etcd"), "pg2": ("postgres",), "b": ("backup",)}


def apart(groups=GROUPS, **settings):
    """A member that has etcd, one without, and a repository host, with networks of their own."""
    hosts = [host(name, *roles, **APART[name], **settings) for name, roles in groups.items()]
    clusters, found = declared_clusters(hosts, {})
    assert found == []
    return clusters["main"]


def test_each_port_is_tried_at_the_address_that_is_for_it():
    cluster = apart()
    others = [("10.0.0.1", 5432), ("10.0.0.1", 8008), ("10.0.0.1", 2379)]
    assert sorted(needed_ports(cluster, cluster.node("pg2"))) == sorted([*others, ("10.2.0.4", 8432)])
    assert needed_ports(cluster, cluster.node("b")) == [("10.2.0.1", 8432), ("10.2.0.2", 8432)]
    alike = a_cluster(backup_network=None)
    assert {address for address, _ in needed_ports(alike, alike.node("pg1"))} == {"10.0.0.2", "10.0.0.3"}


def test_a_network_of_backups_that_does_not_reach_a_host_is_named_by_that_address():
    pictures = {"pg1": picture(1), "pg2": picture(2), "b": picture(4)}
    lost = {"address": "10.2.0.4", "port": 8432, "answer": "blocked", "reason": "No route to host"}
    fine = {"address": "10.0.0.1", "port": 5432, "answer": "open", "reason": ""}
    assert peer_findings(apart(), pictures, {"pg1": [lost], "pg2": [fine, lost]}) == [
        Finding(
            "b",
            "firewall",
            "port 8432 of 10.2.0.4 cannot be reached from pg1 and pg2: No route to host",
            HINT,
        )
    ]


def test_a_service_of_somebody_s_is_in_the_way_at_each_address_of_the_host():
    for address in APART["pg1"].values():
        taken = picture(1, listening=[listens(8432, "foo.service", address)], addresses=dict.fromkeys(APART["pg1"], ""))
        problem = f"port 8432 is taken by foo.service on {address}"
        assert ("pg1", "pgbackrest_port", problem) in rows(findings(apart(), pg1=taken))


def test_backups_come_from_either_address_of_a_host_and_a_firewall_knows_no_third():
    walled = apart(firewall_mode="nftables", firewall_client_networks=["10.1.0.0/24"])
    for own in ("10.2.0.2", "10.0.0.2"):
        assert source_findings(walled, {"pg2": {"10.2.0.4": own, "10.0.0.1": "10.0.0.2"}}) == []
    (found,) = source_findings(walled, {"pg2": {"10.2.0.4": "10.1.0.2", "10.0.0.1": "10.0.0.2"}})
    assert (found.where, found.what) == ("pg2", "backup_address")
    assert found.problem == "10.2.0.2: connections to b come from 10.1.0.2, and members are let in by their address"
    assert source_findings(apart(), {"pg2": {"10.2.0.4": "10.1.0.2"}}) == [], "without one by certificates alone"
    (found,) = source_findings(apart(), {"pg2": {"10.0.0.1": "10.2.0.2"}})
    assert (found.where, found.what) == ("pg2", "cluster_address"), "pg_hba knows that one alone"
