"""The matrix has what the components declare, in both directions: all that is reached, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.components.all import COMPONENTS, components_on, listeners, port_matrix
from cluster.components.component_type import Admission, ComponentType, Listener, Reach
from cluster.components.firewall.matrix import ALL, OTHERS, Passage, passages
from cluster.declared.model import Cluster, Node
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from tests.golden.examples import EXAMPLES, ROOT, example
from tests.inventories import clusters_of, inventory_hosts

# etcd on one host or three, one repository at most, and at least one member: others are refused.
optional = st.sets(st.sampled_from(("postgres", "haproxy")))


@st.composite
def roles_of_hosts(draw: st.DrawFn) -> list[set[str]]:
    """The roles of each host of a cluster."""
    hosts = draw(st.lists(optional, min_size=3, max_size=5))
    places = st.integers(min_value=0, max_value=len(hosts) - 1)
    hosts[draw(places)].add("postgres")
    for place in draw(st.sampled_from([[0], [0, 1, 2]])):
        hosts[place].add("etcd")
    if draw(st.booleans()):
        hosts[draw(places)].add("backup")
    return [own or {"haproxy"} for own in hosts]


def a_cluster(roles: Sequence[set[str]], **settings: Any) -> Cluster:
    """A cluster of hosts with these roles."""
    hosts = [
        DeclaredHost(f"h{n}", tuple(own), {"cluster_address": f"10.0.0.{n}", **settings}, {})
        for n, own in enumerate(roles, 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


def open_ports(cluster: Cluster, node: Node) -> set[int]:
    return {
        one.port
        for one in listeners(cluster, node)
        if not all(address.startswith("127.") or address == "::1" for address in one.addresses)
    }


@given(roles=roles_of_hosts())
def test_what_a_component_reaches_is_open_to_its_host_and_what_no_component_reaches_is_not(
    roles: list[set[str]],
) -> None:
    cluster = a_cluster(roles)
    wanted = {
        (target.name, port, source.name)
        for source in cluster
        for one in components_on(cluster, source)
        for reach in one.reaches(cluster, source)
        for target in reach.nodes
        for port in reach.ports
        if target is not source and port in open_ports(cluster, target)
    }
    # A run ends with a member that tries every endpoint of HAProxy.
    proven = {
        (target.name, port, source.name)
        for source in cluster.members
        for target in cluster.balancers
        for port in open_ports(cluster, target) - {5432, 8008, 2379, 2380, 8432, 7000}
        if target is not source
    }
    names = {node.name for node in cluster}
    assert {(row.host, row.port, row.who) for row in port_matrix(cluster) if row.who in names} == wanted | proven


@given(roles=roles_of_hosts(), network=st.sampled_from(["10.7.0.0/16", "fd07::/32"]))
def test_clients_reach_the_ports_that_are_for_them_and_no_other(roles: list[set[str]], network: str) -> None:
    cluster = a_cluster(roles, firewall_client_networks=[network])
    found = {(row.host, row.port) for row in port_matrix(cluster) if network in row.networks}
    ports_of = {"postgres": {5432}, "haproxy": {5000, 5001, 5004}}
    assert found == {
        (node.name, port)
        for node in cluster
        for role, ports in ports_of.items()
        if role in node.roles
        for port in ports
    }


@given(roles=roles_of_hosts())
def test_a_host_is_known_by_its_own_address_and_to_nothing_that_is_closed(roles: list[set[str]]) -> None:
    cluster = a_cluster(roles)
    addresses = {node.name: (node.address.hba,) for node in cluster}
    for row in port_matrix(cluster):
        assert row.who not in addresses or row.networks == addresses[row.who]
        assert row.port == 22 or row.port in open_ports(cluster, cluster.node(row.host))
        assert row.host != row.who


def test_a_host_with_several_addresses_says_at_which_of_them_each_port_is_reached() -> None:
    cluster = example("networks")
    rows = [row for row in port_matrix(cluster) if row.host == "pg1.example.net"]
    found = {(row.what, row.who.split(".")[0]): row.at for row in rows}
    cluster_own, clients, backups = ("10.10.0.11",), ("10.11.0.11",), ("10.12.0.11",)
    assert {
        ("ssh", "administrators"): (),
        ("postgres_port", "clients"): clients,
        ("postgres_port", "pg2"): cluster_own,
        ("postgres_port", "lb1"): cluster_own,
        ("patroni_rest_port", "lb1"): cluster_own,
        ("pgbackrest_port", "backup1"): backups,
    }.items() <= found.items()
    (backup,) = [row for row in rows if row.what == "pgbackrest_port"]
    assert backup.networks == ("10.12.0.41/32", "10.10.0.41/32"), "it may come from either"
    balanced = [row for row in port_matrix(cluster) if row.host == "lb1.example.net" and row.port == 5000]
    assert {row.at for row in balanced} == {("10.11.0.31", "10.11.0.100")}


def test_what_listens_on_all_addresses_is_open_at_all_of_them() -> None:
    given = {"client_address": "10.1.0.1", "firewall_client_networks": ["10.1.0.0/24"]}
    for listen in (["*"], ["0.0.0.0"], ["10.0.0.1", "db.example.net"]):
        cluster = a_cluster([{"postgres", "etcd", "haproxy"}], **given, postgres_listen=listen)
        assert {row.at for row in port_matrix(cluster) if row.what == "postgres_port"} == {()}


def test_clients_reach_no_postgresql_that_does_not_listen_in_their_network() -> None:
    given = {"client_address": "10.1.0.1", "firewall_client_networks": ["10.1.0.0/24"]}
    cluster = a_cluster([{"postgres", "etcd", "haproxy"}], **given, postgres_listen=["10.0.0.1"])
    found = {row.port for row in port_matrix(cluster) if row.who == "clients"}
    assert 5000 in found and 5432 not in found


def test_ssh_is_open_to_whom_it_is_declared_on_every_host() -> None:
    for name in EXAMPLES:
        cluster = example(name)
        found = {row.host: row.networks for row in port_matrix(cluster) if row.what == "ssh"}
        assert found == {node.name: ("0.0.0.0/0", "::/0") for node in cluster}
    here = a_cluster([{"postgres", "etcd"}], firewall_ssh_networks=["10.9.0.0/24"], firewall_ssh_port=2222)
    ssh = Passage("h1", "tcp", 2222, "ssh", "administrators", ("10.9.0.0/24",))
    assert port_matrix(here)[0] == ssh


def test_members_of_a_standby_cluster_reach_the_primary_and_the_archive() -> None:
    clusters = clusters_of(ROOT / "inventories" / "standby_cluster.py").values()
    source = next(one for one in clusters if one.standbys)
    followers = {node.name for node in source.followers}
    found = {(row.host, row.what) for row in port_matrix(source) if row.who in followers}
    wanted = {(node.name, "postgres_port") for node in source.members}
    wanted |= {(node.name, "pgbackrest_port") for node in source.having("backup")}
    assert followers and found == wanted


def test_members_of_a_standby_cluster_come_to_its_source_s_network_of_backups() -> None:
    hosts = inventory_hosts(ROOT / "inventories" / "standby_cluster.py")
    own = {"shop-backup1": "192.0.3.20", "dr1": "198.51.101.11"}
    apart = [
        replace(one, data={**one.data, "backup_address": own[one.name]}) if one.name in own else one for one in hosts
    ]
    source = next(one for one in declared_clusters(apart, {})[0].values() if one.standbys)
    found = {row.who: (row.networks, row.at) for row in port_matrix(source) if row.what == "pgbackrest_port"}
    assert found["dr1"] == (("198.51.101.11/32", "198.51.100.11/32"), ("192.0.3.20",))
    assert found["dr2"] == (("198.51.100.12/32",), ("192.0.3.20",))


def test_monitoring_reaches_what_tells_of_the_cluster_and_no_data() -> None:
    cluster = a_cluster([{"postgres", "etcd", "haproxy"}], firewall_monitoring_networks=["10.8.0.0/24"])
    assert {row.port for row in port_matrix(cluster) if "10.8.0.0/24" in row.networks} == {8008, 7000}


def test_ports_of_others_are_open_as_declared() -> None:
    declared = ["9100/tcp 10.8.0.0/24", "161/udp"]
    cluster = a_cluster([{"postgres", "etcd"}], firewall_other_ports=declared)
    first, second = (row for row in port_matrix(cluster) if row.what == "firewall_other_ports")
    assert first == Passage("h1", "tcp", 9100, "firewall_other_ports", OTHERS, ("10.8.0.0/24",))
    assert second == Passage("h1", "udp", 161, "firewall_other_ports", ALL, ("0.0.0.0/0", "::/0"))


def routing(**declared: Any) -> list[Passage]:
    """What a component of other protocols would open on two hosts."""
    cluster = a_cluster([{"postgres", "etcd"}, {"postgres"}])
    one = ComponentType("routing", lambda cluster, node: True, **declared)
    return [row for row in passages((one,), cluster) if row.what != "ssh" and row.host == "h1"]


def test_a_protocol_without_ports_is_reached_as_a_whole() -> None:
    rows = routing(reaches=lambda cluster, node: (Reach(cluster.nodes, (), "vrrp"),))
    assert rows == [Passage("h1", "vrrp", None, "vrrp", "h2", ("10.0.0.2/32",))]


def test_a_port_of_udp_is_none_of_tcp() -> None:
    bfd = Listener("bfd_port", 3784, "bird.service", ("10.0.0.1",), "udp")
    rows = routing(
        listens=lambda cluster, node: (bfd,),
        admits=lambda cluster, node: (
            Admission("routers", ("10.0.0.254/32",), (3784,), "udp"),
            Admission("strangers", ("10.0.0.253/32",), (3784,), "tcp"),
        ),
    )
    assert rows == [Passage("h1", "udp", 3784, "bfd_port", "routers", ("10.0.0.254/32",))]


def test_a_port_that_no_setting_gives_says_what_it_is_for() -> None:
    bfd = Admission("routers", ("10.0.0.254/32",), (3784,), "udp", what="BFD")
    assert routing(admits=lambda cluster, node: (bfd,)) == [
        Passage("h1", "udp", 3784, "BFD", "routers", ("10.0.0.254/32",))
    ]


def test_routers_of_a_member_send_it_bfd_and_open_no_bgp() -> None:
    found = with_routers(bgp_bfd=True)
    assert found == [Passage("h1", "udp", 3784, "BFD", "routers", ("10.0.0.254/32", "fd00::fe/128"))]
    assert with_routers(bgp_bfd=False) == []


def with_routers(**settings: Any) -> list[Passage]:
    """What routers reach on the first of three members that announce an address."""
    announced = {"vip_mode": "bgp", "vip_write": ["10.0.9.1"], "bgp_asn": 65001}
    routers = {"bgp_neighbors": {"10.0.0.254": 65000, "fd00::fe": 65000}}
    cluster = a_cluster([{"postgres", "etcd"}] * 3, **announced, **routers, **settings)
    return [row for row in port_matrix(cluster) if row.who == "routers" and row.host == "h1"]


def test_hosts_that_share_addresses_speak_vrrp_with_each_other() -> None:
    given = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_interface": "eth0"}
    cluster = a_cluster([{"postgres", "etcd"}, {"haproxy"}, {"haproxy"}], **given)
    found = {(row.host, row.who) for row in port_matrix(cluster) if row.protocol == "vrrp"}
    assert found == {("h2", "h3"), ("h3", "h2")}


def test_the_firewall_itself_opens_nothing() -> None:
    own = next(one for one in COMPONENTS if one.name == "firewall")
    cluster = example("three_hosts")
    assert not own.listens(cluster, cluster.nodes[0]) and not own.admits(cluster, cluster.nodes[0])
