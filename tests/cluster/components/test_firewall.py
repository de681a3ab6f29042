"""The rules of a host: what is accepted, what connections keep, and what would be refused by nft."""

from __future__ import annotations

from dataclasses import replace

from cluster.components.all import COMPONENTS, port_matrix
from cluster.components.firewall.matrix import Passage
from cluster.components.firewall.rules import (
    RULES,
    TABLE,
    UNIT,
    accepting,
    firewall_component,
    rules_text,
)
from tests.inventories import one_host_cluster


def passage(*networks: str, port: int | None = 5432, protocol: str = "tcp", who: str = "pg2") -> Passage:
    return Passage("pg1", protocol, port, "postgres_port", who, networks)


def ours(*listed: Passage) -> list[str]:
    """The rules for passages, without those that every host has."""
    return accepting(rules_text(listed))[len(accepting(rules_text(()))) :]


def test_a_port_is_open_to_its_sources_of_each_kind() -> None:
    assert ours(passage("10.0.0.2/32", "fd00::2/128"), passage("10.7.0.0/16", who="clients")) == [
        "ip saddr { 10.0.0.2, 10.7.0.0/16 } tcp dport 5432 accept",
        "ip6 saddr { fd00::2 } tcp dport 5432 accept",
    ]


def test_sources_that_overlap_are_one() -> None:
    assert ours(passage("10.0.0.2/32", "10.0.0.0/8"), passage("10.1.0.0/16")) == [
        "ip saddr { 10.0.0.0/8 } tcp dport 5432 accept"
    ]


def test_from_anywhere_has_no_sources() -> None:
    assert ours(passage("0.0.0.0/0", "::/0", port=22)) == [
        "meta nfproto ipv4 tcp dport 22 accept",
        "meta nfproto ipv6 tcp dport 22 accept",
    ]
    assert ours(passage("10.0.0.2/32", "::/0")) == [
        "ip saddr { 10.0.0.2 } tcp dport 5432 accept",
        "meta nfproto ipv6 tcp dport 5432 accept",
    ]


def test_a_port_is_open_at_the_addresses_that_are_for_its_sources() -> None:
    members = replace(passage("10.0.0.2/32"), at=("10.0.0.1",))
    clients = replace(passage("10.7.0.0/16", "::/0", who="clients"), at=("10.1.0.1", "fd01::1"))
    assert ours(members, clients) == [
        "ip saddr { 10.0.0.2 } ip daddr { 10.0.0.1 } tcp dport 5432 accept",
        "ip saddr { 10.7.0.0/16 } ip daddr { 10.1.0.1 } tcp dport 5432 accept",
        "ip6 daddr { fd01::1 } tcp dport 5432 accept",
    ]
    assert ours(replace(passage("fd00::2/128", "0.0.0.0/0"), at=("10.0.0.1",))) == [
        "ip daddr { 10.0.0.1 } tcp dport 5432 accept"
    ]


def test_other_protocols_have_their_place() -> None:
    assert ours(passage("10.0.0.2/32", port=3784, protocol="udp")) == ["ip saddr { 10.0.0.2 } udp dport 3784 accept"]
    assert ours(passage("10.0.0.2/32", port=None, protocol="vrrp")) == ["ip saddr { 10.0.0.2 } meta l4proto 112 accept"]


def test_everything_else_is_closed_and_only_our_table_is_touched() -> None:
    text = rules_text((passage("10.0.0.2/32"),))
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]
    assert lines[:3] == [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    assert "flush" not in text and [line for line in lines if line.startswith("table")] == [lines[0], lines[2]]
    assert "policy drop" in text and lines[-4:] == ["meta l4proto 6 reject with tcp reset", "reject", "}", "}"]


def test_what_a_host_lives_on_is_open() -> None:
    always = " ".join(accepting(rules_text(())))
    for word in ("iif lo", "nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-advert", "packet-too-big"):
        assert word in always
    # Connections that are older than the rules: the kernel has not tracked them.
    assert "tcp flags & (fin | syn | rst | ack) != syn accept" in always and "ct state established,related" in always
    assert "dport 68" in always and "dport 546" in always


def test_rules_of_before_are_kept_beside_those_that_are_declared() -> None:
    new, before = (passage("10.0.0.2/32"),), accepting(rules_text((passage("10.0.0.3/32"),)))
    both = accepting(rules_text(new, before))
    assert both[-2:] == [
        "ip saddr { 10.0.0.2 } tcp dport 5432 accept",
        "ip saddr { 10.0.0.3 } tcp dport 5432 accept",
    ]
    assert len(both) == len(set(both))
    assert rules_text(new, accepting(rules_text(new))) == rules_text(new)


def test_a_host_has_its_file_and_unit_where_a_firewall_is_declared() -> None:
    off = one_host_cluster()
    assert not firewall_component(COMPONENTS, off, off.nodes[0]).items
    on = one_host_cluster(firewall_mode="nftables", firewall_client_networks=["10.7.0.0/16"])
    component = firewall_component(COMPONENTS, on, on.nodes[0])
    rules = next(file for file in component.files if file.path == RULES)
    assert rules.content == rules_text(port_matrix(on)) and rules.check is not None and "-c" in rules.check
    (unit,) = component.units
    assert unit.name == UNIT and RULES in unit.loads


def test_it_is_loaded_before_the_network_and_after_whoever_flushes_all_tables() -> None:
    on = one_host_cluster(firewall_mode="nftables", firewall_client_networks=["10.7.0.0/16"])
    text = next(file.content for file in firewall_component(COMPONENTS, on, on.nodes[0]).files if UNIT in file.path)
    assert "Before=network-pre.target" in text and "After=local-fs.target nftables.service" in text
    assert "Requires=" not in text and "WantedBy=sysinit.target" in text
    assert "ReloadPropagatedFrom=nftables.service" in text
