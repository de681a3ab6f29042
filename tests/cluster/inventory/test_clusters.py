"""From an inventory's data to clusters: what is refused, where the table says it stands, and what is left alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.address import Address
from cluster.findings import Finding
from cluster.inventory.addresses import hosts_to_look_at
from cluster.inventory.clusters import declared_clusters, slot_name
from tests.cluster.preflight_hosts import host

VAGRANT = ["10.0.2.15", "192.168.56.11", "172.17.0.1", "fd00::11"]


def found(*hosts, observed=None):
    return declared_clusters(hosts, observed or {})[1]


def three(**data):
    return [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **data) for n in (1, 2, 3)]


def test_a_cluster_keeps_the_inventorys_order_and_roles():
    hosts = [*three(), host("b1", "backup", cluster_address="10.0.0.9"), host("jump", "bastion", postgres_prot=1)]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    assert [node.name for node in clusters["main"]] == ["pg1", "pg2", "pg3", "b1"]
    assert [node.name for node in clusters["main"].etcd] == ["pg1", "pg2", "pg3"]


def test_no_address():
    assert found(host("pg1")) == [
        Finding(
            "inventory.py",
            "cluster_address",
            "pg1 has no address",
            "Give the host its cluster_address, or set cluster_network to the network that all hosts share.",
        )
    ]


def test_a_pin_is_for_a_package_that_some_cluster_of_the_inventory_installs():
    """Clusters share group_data/all.py, and need not have the same roles."""
    pins = {"packages_versions": {"haproxy": "3.0.11-1", "haproxi": "3.0.11-1"}}
    (finding,) = found(*three(**pins), host("lb", "haproxy", cluster_address="10.0.0.8", **pins))
    assert finding.problem == "'haproxi' is no package that a host of main installs"
    other = [host(f"db{n}", cluster_address=f"10.1.0.{n}", cluster_name="other", **pins) for n in (1, 2, 3)]
    (finding,) = found(*three(**pins), host("lb", "haproxy", cluster_address="10.0.0.8", **pins), *other)
    assert finding.problem == "'haproxi' is no package that a host of main or other installs"


def test_an_explicit_network_picks_the_address_that_others_reach():
    """Not 10.0.2.15, which every Vagrant host has on eth0, and not docker0's."""
    network = "192.168.56.0/24"
    clusters, findings = declared_clusters([host("pg1", cluster_network=network)], {"pg1": VAGRANT})
    assert findings == []
    assert clusters["main"].node("pg1").address == Address("192.168.56.11")


def test_a_declared_address_wins_over_the_network_and_nobody_is_asked():
    declared = host("pg1", cluster_network="10.0.0.0/8", cluster_address="10.0.0.1")
    assert hosts_to_look_at([declared, host("pg2"), host("jump", "bastion")]) == ["pg2"]
    assert declared_clusters([declared], {})[0]["main"].node("pg1").address == Address("10.0.0.1")


def test_a_network_that_fits_no_address():
    declared = host("pg1", cluster_network="192.168.0.0/24", file="group_data/all.py")
    assert found(declared, observed={"pg1": VAGRANT[:2]}) == [
        Finding(
            "group_data/all.py",
            "cluster_network",
            "pg1 has no address in 192.168.0.0/24, it has 10.0.2.15, 192.168.56.11",
            "Give this host its cluster_address; it is not guessed.",
        )
    ]


def test_a_network_that_fits_more_than_one_address():
    declared = host("pg1", cluster_network="10.0.0.0/8")
    assert found(declared, observed={"pg1": ["10.0.2.15", "10.7.7.7"]}) == [
        Finding(
            "inventory.py",
            "cluster_network",
            "pg1 has 2 addresses in 10.0.0.0/8: 10.0.2.15, 10.7.7.7",
            "Give this host its cluster_address; it is not guessed.",
        )
    ]


@given(st.lists(st.ip_addresses(v=4, network="10.0.0.0/8").map(str), unique=True, max_size=5))
def test_an_address_is_never_guessed(addresses):
    clusters, findings = declared_clusters([host("pg1", cluster_network="10.0.0.0/8")], {"pg1": addresses})
    assert bool(clusters) == (len(addresses) == 1)
    assert len(findings) == (0 if clusters else 1)


def test_a_host_that_cannot_be_asked_for_its_address():
    assert found(host("pg1", cluster_network="10.0.0.0/24")) == [
        Finding(
            "pg1",
            "cluster_network",
            "cannot be reached, so its address in 10.0.0.0/24 is not known",
            "Fix the connection, or declare its cluster_address.",
        )
    ]


def test_two_hosts_with_one_address():
    hosts = [*three()[:2], host("pg3", cluster_address="10.0.0.1")]
    assert found(*hosts) == [
        Finding(
            "inventory.py",
            "cluster_address",
            "10.0.0.1 belongs to pg1 and pg3",
            "Every host needs an address of its own.",
        )
    ]


def test_one_address_in_two_spellings_is_one_address():
    hosts = [host("a", cluster_address="fd82::1"), host("b", "backup", cluster_address="FD82:0:0::0001")]
    assert [one.problem for one in found(*hosts)] == ["fd82::1 belongs to a and b"]


@pytest.mark.parametrize(
    "size, hint",
    [
        (0, "etcd decides who leads: put 3 hosts in the group etcd, which may be those of the group postgres."),
        (2, "2 survive no more failures than 1: add a host to the group etcd, or take one out."),
        (4, "4 survive no more failures than 3: add a host to the group etcd, or take one out."),
        (7, "More members make every write slower and survive no failure that 5 do not; take some out of the group."),
    ],
)
def test_etcd_of_another_size_than_1_3_or_5(size, hint):
    hosts = [host("db", "postgres", cluster_address="10.0.1.1")]
    hosts += [host(f"e{n}", "etcd", cluster_address=f"10.0.0.{n}") for n in range(size)]
    problem = f"cluster main has {size} etcd members, it takes 1, 3 or 5"
    assert found(*hosts) == [Finding("inventory.py", "etcd", problem, hint)]


def test_a_cluster_without_postgres():
    assert found(host("e1", "etcd", cluster_address="10.0.0.1")) == [
        Finding(
            "inventory.py",
            "postgres",
            "cluster main has no host in the group postgres",
            "Put the hosts that are to run PostgreSQL in the group postgres.",
        )
    ]


def test_an_unknown_setting_with_the_file_it_stands_in_and_a_suggestion():
    hosts = [host("pg1", cluster_address="10.0.0.1", file="group_data/postgres.py", patroni_tll=30)]
    assert found(*hosts) == [
        Finding(
            "group_data/postgres.py",
            "patroni_tll",
            "is not a setting",
            "Did you mean patroni_ttl? All settings stand in docs/settings.md.",
        )
    ]


def test_names_that_are_nobodys_are_left_alone():
    assert found(host("pg1", cluster_address="10.0.0.1", ssh_port=22, rack="b7", _sudo=True, docker_image="x")) == []


def test_a_mistyped_name_hides_nothing_that_is_wrong_between_hosts():
    hosts = [host(f"pg{n}", cluster_address="10.0.0.1", patroni_tll=30) for n in (1, 2)]
    assert {one.what for one in found(*hosts)} == {"patroni_tll", "cluster_address", "etcd"}


def test_a_host_with_wrong_settings_makes_no_cluster_look_too_small():
    hosts = [*three()[:2], host("pg3", cluster_address="10.0.0.3", patroni_ttl=1)]
    assert [one.what for one in found(*hosts)] == ["patroni_ttl"]


def test_two_member_names_that_would_share_a_replication_slot():
    hosts = [host(name, cluster_address=f"10.0.0.{n}") for n, name in enumerate(("pg-1", "pg.1", "pg2"), 1)]
    assert found(*hosts) == [
        Finding(
            "inventory.py",
            "postgres",
            "pg-1 and pg.1 would share the replication slot pg_1",
            "Rename one: slots know only a-z, 0-9 and underscore.",
        )
    ]


@given(st.text(min_size=1, max_size=80))
def test_a_slot_name_is_one_that_postgresql_takes(member):
    name = slot_name(member)
    assert 0 < len(name) <= 63
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_hosts_of_one_cluster_that_disagree():
    hosts = [*three()[:2], host("pg3", cluster_address="10.0.0.3", patroni_ttl=45)]
    assert found(*hosts) == [
        Finding(
            "inventory.py",
            "patroni_ttl",
            "pg1 says 30, pg3 says 45",
            "Hosts of one cluster share it: set it in group_data/all.py.",
        )
    ]


def test_two_services_on_one_port():
    assert found(*three(haproxy_primary_port=5432)) == [
        Finding(
            "group_data/all.py",
            "haproxy_primary_port",
            "5432 is also the value of postgres_port",
            "Give each service its own port.",
        )
    ]


def test_an_extra_name_that_is_none():
    assert found(*three(cluster_extra_names=["db.example.net", "10.0.0.99", "*.db", "no name"])) == [
        Finding(
            "group_data/all.py",
            "cluster_extra_names",
            "'no name' is neither a DNS name nor an address",
            "Name it as your clients do.",
        )
    ]


def two_clusters(**of_second):
    first = [host(f"a{n}", cluster_name="first", cluster_address=f"10.0.1.{n}", postgres_version=17) for n in (1, 2, 3)]
    data = {"cluster_name": "second", "postgres_version": 16, **of_second}
    return first, [host(f"b{n}", cluster_address=f"10.0.2.{n}", **data) for n in (1, 2, 3)]


def test_two_clusters_in_one_inventory_do_not_leak_into_each_other():
    first, second = two_clusters(patroni_ttl=60, etcd_client_port=12379)
    mixed = [one for pair in itertools.zip_longest(first, second) for one in pair]
    clusters, findings = declared_clusters(mixed, {})
    assert findings == []
    assert [node.name for node in clusters["first"]] == ["a1", "a2", "a3"]
    assert [node.name for node in clusters["second"]] == ["b1", "b2", "b3"]
    assert (clusters["first"].settings.patroni_ttl, clusters["second"].settings.patroni_ttl) == (30, 60)
    assert clusters["second"].etcd_endpoints == tuple(f"https://10.0.2.{n}:12379" for n in (1, 2, 3))
    assert (clusters["first"].scope_key, clusters["second"].scope_key) == ("/service/first/", "/service/second/")


def test_two_clusters_may_use_the_same_names_of_slots_and_ports():
    first, second = two_clusters()
    assert found(*first, *second) == []


def test_a_mistake_in_one_cluster_is_not_held_against_the_other():
    first, second = two_clusters(etcd_heartbeat_ms=1000)
    assert {one.what for one in found(*first, *second)} == {"etcd_election_ms"}
