"""A firewall that would shut out all clients is refused before any host is touched; and so is what is no network."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost


def problems(**settings: Any) -> list[tuple[str, str]]:
    data = {"cluster_address": "10.0.0.1", **settings}
    _, findings = declared_clusters([DeclaredHost("pg1", ("postgres", "etcd", "haproxy"), data, {})], {})
    return [(one.what, one.problem) for one in findings]


def test_clients_that_no_network_tells() -> None:
    line = "hostssl all all db.example.net scram-sha-256"
    said = f"is empty, and the line '{line}' of postgres_hba names clients without a network"
    assert problems(firewall_mode="nftables", postgres_hba=[line]) == [("firewall_client_networks", said)]
    assert problems(postgres_hba=[line]) == []
    assert problems(firewall_mode="nftables", postgres_hba=[line], firewall_client_networks=["10.7.0.0/16"]) == []


def test_no_clients_at_all() -> None:
    said = "is empty, and postgres_hba lets in no network: no client would reach the cluster"
    assert problems(firewall_mode="nftables") == [("firewall_client_networks", said)]
    assert problems() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.0.0.0/33", "'10.0.0.0/33' is no network such as 10.0.0.0/8 or fd00::/64"),
        ("office", "'office' is no network such as 10.0.0.0/8 or fd00::/64"),
        ("10.0.0.7/24", "'10.0.0.7/24' has bits of a host after its prefix: the network is 10.0.0.0/24"),
        ("fd00::7/64", "'fd00::7/64' has bits of a host after its prefix: the network is fd00::/64"),
    ],
)
@pytest.mark.parametrize("name", ["ssh", "client", "monitoring"])
def test_what_is_no_network(name: str, text: str, reason: str) -> None:
    assert problems(**{f"firewall_{name}_networks": [text]}) == [(f"firewall_{name}_networks", reason)]


def test_networks_and_addresses_of_both_kinds_are_fine() -> None:
    assert problems(firewall_ssh_networks=["10.0.0.0/8", "192.0.2.7", "fd00::/64", "fd00::7", "0.0.0.0/0"]) == []


def test_ssh_from_nowhere_would_lock_everybody_out() -> None:
    ((what, _),) = problems(firewall_ssh_networks=[])
    assert what == "firewall_ssh_networks"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9100", "'9100' is no port with its protocol, such as 9100/tcp or '9100/tcp 10.0.0.0/8'"),
        ("http/tcp", "'http/tcp' is no port with its protocol, such as 9100/tcp or '9100/tcp 10.0.0.0/8'"),
        ("9100/icmp", "'9100/icmp' is no port with its protocol, such as 9100/tcp or '9100/tcp 10.0.0.0/8'"),
        ("90000/tcp", "'90000/tcp' has a port above 65535"),
        (
            "9100/tcp 10.0.0.7/24",
            "'9100/tcp 10.0.0.7/24' has bits of a host after its prefix: the network is 10.0.0.0/24",
        ),
    ],
)
def test_what_opens_nothing(text: str, reason: str) -> None:
    assert problems(firewall_other_ports=[text]) == [("firewall_other_ports", reason)]


def test_a_port_of_others_is_fine() -> None:
    assert problems(firewall_other_ports=["9100/tcp", "161/udp 10.0.0.0/8", "161/udp fd00::/64"]) == []


def test_ssh_has_a_port_of_its_own() -> None:
    assert problems(firewall_ssh_port=5000) == [("firewall_ssh_port", "5000 is also the value of haproxy_primary_port")]
