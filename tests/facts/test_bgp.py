"""What FRR and routers answer, as recorded, and what check.py makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.checks.bgp import findings
from cluster.checks.overview import Overview
from facts.bgp import BgpSessions
from tests.cluster.inventory.test_bgp import cluster


def peer(state: str = "Established", announced: int = 1) -> dict[str, Any]:
    return {"remoteAs": 65000, "state": state, "pfxSnt": announced, "peerState": "OK", "idType": "ipv4"}


def summary(**families: dict[str, Any]) -> str:
    listed = {name: {"routerId": "10.0.0.1", "as": 65001, "peers": peers} for name, peers in families.items()}
    return f"summary|{json.dumps(listed)}"


def test_sessions_as_frr_shows_them() -> None:
    lines = [
        summary(ipv4Unicast={"10.0.0.254": peer(), "10.0.0.253": peer("Connect", 0)}, ipv6Unicast={"fd00::fe": peer()}),
        "connects|10.0.0.254|1",
        "connects|10.0.0.253|124",
        "connects|fd00::fe|1",
        "absent|fd00::fe",
    ]
    seen = BgpSessions().process(lines)
    assert seen["answers"]
    assert seen["sessions"]["10.0.0.254"] == {
        "state": "Established",
        "asn": 65000,
        "announced": 1,
        "behaviour": "refuses",
    }
    assert [seen["sessions"][one]["behaviour"] for one in ("10.0.0.253", "fd00::fe")] == ["silent", "absent"]


def test_an_frr_that_does_not_answer() -> None:
    assert BgpSessions().process(["silent"]) == {"answers": False, "sessions": {}}


def found(lines: list[str], own: dict[str, str] | None = None, **settings: Any) -> dict[str, str]:
    declared = cluster(("10.0.0.1",), **settings)
    answers = {"pg1": {"bgp": BgpSessions().process(lines), "vip": own or {}}}
    overview = Overview.__new__(Overview)
    values = {"cluster": declared, "answers": answers, "silences": {}, "removed": {}}
    for name, value in values.items():
        object.__setattr__(overview, name, value)
    return {one.kind: one.finding.problem for one in findings(overview)}


def test_a_healthy_member_has_none() -> None:
    assert found([summary(ipv4Unicast={"10.0.0.254": peer()}), "connects|10.0.0.254|1"], {"10.99.0.1": "lo"}) == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (124, "it drops connections without a word, as with another password or behind a firewall"),
        (1, "it takes no BGP connection from this host"),
        (0, "it takes connections without a password; the numbers of the autonomous systems may differ"),
    ],
)
def test_a_session_that_is_down_is_named_with_what_the_router_does(code: int, words: str) -> None:
    seen = found([summary(ipv4Unicast={"10.0.0.254": peer("Active", 0)}), f"connects|10.0.0.254|{code}"])
    assert seen["bgp-session"] == f"the session with 10.0.0.254 (AS 65000) is Active: {words}"
    assert seen["bgp-alone"] == "no session with 10.0.0.254"


def test_a_router_that_frr_does_not_know_is_no_session() -> None:
    two = {"10.0.0.254": 65000, "10.0.0.253": 65000}
    seen = found([summary(ipv4Unicast={"10.0.0.254": peer()}), "connects|10.0.0.254|1"], bgp_neighbors=two)
    assert seen == {"bgp-session": "FRR knows no router 10.0.0.253"}


def test_an_address_that_was_not_announced() -> None:
    seen = found([summary(ipv4Unicast={"10.0.0.254": peer(announced=0)})], {"10.99.0.1": "lo"})
    assert seen == {"bgp-unannounced": "has 10.99.0.1, and announced nothing by IPv4"}
