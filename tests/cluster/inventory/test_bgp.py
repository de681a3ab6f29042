"""Announcements to routers that cannot work: refused in words, before any host is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.components.bgp import COMPONENT, PASSWORD_LENGTH, configuration_text, password_of, router_id
from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.inventory.clusters import cluster_findings, declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.settings.settings import validated

GIVEN = {"vip_mode": "bgp", "vip_write": ["10.99.0.1"], "bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}}


def cluster(addresses: tuple[str, ...] = ("10.0.0.1", "10.0.0.2"), **settings: Any) -> Cluster:
    given = {**GIVEN, **settings}
    hosts = [
        DeclaredHost(f"pg{number}", ("postgres", "etcd"), {"cluster_address": address, **given}, {})
        for number, address in enumerate(addresses, 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def refused(*arguments: Any, **settings: Any) -> list[tuple[str, str]]:
    return [(one.what, one.problem) for one in cluster_findings(cluster(*arguments, **settings)) if "bgp" in one.what]


@pytest.mark.parametrize(
    ("settings", "setting", "words"),
    [
        ({"bgp_asn": None}, "bgp_asn", "of {} is missing"),
        ({"bgp_neighbors": {}}, "bgp_neighbors", "of {} is empty, so it would announce to no router"),
        (
            {"vip_write": ["10.99.0.1", "fd99::1"]},
            "bgp_neighbors",
            "of {} has no router that speaks IPv6, as fd99::1 needs",
        ),
        ({"bgp_neighbors": {"10.0.0.2": 65000}}, "bgp_neighbors", "of {} has 10.0.0.2, which is pg2"),
    ],
)
def test_what_a_member_lacks(settings: dict[str, Any], setting: str, words: str) -> None:
    assert refused(**settings) == [(setting, words.format(name)) for name in ("pg1", "pg2")]


def test_what_is_right_and_what_is_not_asked_in_another_mode() -> None:
    assert refused() == []
    assert refused(vip_mode="leader", bgp_asn=None, bgp_neighbors={}) == []


def test_two_members_have_no_router_id_in_common() -> None:
    words = "10.9.9.9 is that of pg1 and of pg2: a router would take one of them for the other"
    assert refused(bgp_router_id="10.9.9.9") == [("bgp_router_id", words)]


def test_a_host_of_ipv6_gets_a_router_id_that_stays() -> None:
    given = {"vip_write": ["fd99::1"], "bgp_neighbors": {"fd00::fe": 65000}}
    ids = [router_id(node) for node in cluster(("fd00::1", "fd00::2"), **given)]
    assert ids == [router_id(node) for node in cluster(("fd00::8", "fd00::9"), **given)] and len(set(ids)) == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bgp_neighbors", {"router": 65000}),
        ("bgp_neighbors", {"10.0.0.254": 0}),
        ("bgp_neighbors", {"fe80::1%eth0": 65000}),
        ("bgp_neighbors", {"224.0.0.1": 65000}),
        ("bgp_router_id", "fd00::1"),
        ("bgp_router_id", "0.0.0.0"),
        ("bgp_communities", ["65000"]),
        ("bgp_communities", ["65536:1"]),
        ("bgp_communities", ["no-export"]),
        ("bgp_communities", ["4294967296:1:2"]),
        ("bgp_communities", ["1:2:3:4"]),
        ("bgp_hops", 0),
        ("bgp_asn", 0),
    ],
)
def test_values_that_no_router_takes(setting: str, value: Any) -> None:
    assert [one.what for one in validated({setting: value}, {})[1]] == [setting]


def test_communities_of_both_kinds_are_set_on_each_family() -> None:
    given = {"vip_write": ["10.99.0.1", "fd99::1"], "bgp_neighbors": {"10.0.0.254": 65000, "fd00::fe": 65000}}
    declared = cluster(bgp_communities=["65001:1", "4200000000:1:2", "65001:9"], **given)
    text = configuration_text(declared, declared.members[0])
    assert text.count(" set community 65001:1 65001:9\n set large-community 4200000000:1:2\n") == 2


def test_a_router_that_is_further_away_is_reached_and_may_send_bfd() -> None:
    far = cluster(bgp_hops=2, bgp_neighbors={"10.0.0.254": 65000, "10.0.0.253": 65001})
    text = configuration_text(far, far.members[0])
    assert " neighbor 10.0.0.254 ebgp-multihop 2\n" in text
    assert "10.0.0.253 ebgp-multihop" not in text, "within its own system FRR takes no such line"
    near = cluster()
    assert "multihop" not in configuration_text(near, near.members[0])
    ports = [[one.ports for one in COMPONENT.admits(c, c.members[0])] for c in (near, far, cluster(bgp_bfd=False))]
    assert ports == [[(3784,)], [(3784, 4784)], []]


def test_the_password_is_in_the_file_and_asked_of_every_router(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o600)
    declared = cluster(bgp_password_file=str(file))
    text = configuration_text(declared, declared.members[0])
    assert " neighbor 10.0.0.254 password secret\n" in text
    assert "password" not in configuration_text(cluster(), cluster().members[0])


@pytest.mark.parametrize("content", ["", "two words", "x" * (PASSWORD_LENGTH + 1), "pässwort"])
def test_a_password_that_tcp_md5_does_not_take(tmp_path: Path, content: str) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"^bgp_password_file: .* has no password of 1 to 80 characters") as refusal:
        password_of(cluster(bgp_password_file=str(file)).members[0])
    assert not content or content not in str(refusal.value)


def test_a_file_that_is_not_there_or_open_to_others(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(ConfigError, match="is not there\nHINT: a file for its owner alone"):
        password_of(cluster(bgp_password_file=str(file)).members[0])
    file.write_text("secret\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError):
        password_of(cluster(bgp_password_file=str(file)).members[0])
