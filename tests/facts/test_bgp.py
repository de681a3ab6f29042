"""What FRR and routers answer, as recorded, and what check.py makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.checks.bgp import findings
from cluster.checks.overview import Overview
from facts.bgp import BgpSessions
from tests.cluster.inventory.test_bgp import cluster


def peer(state: str = "Established") -> dict[str, Any]:
    return {"remoteAs": 65000, "state": state, "pfxSnt": 1, "peerState": "OK", "idType": "ipv4"}


def summary(**families: dict[str, Any]) -> str:
    listed = {name: {"routerId": "10.0.0.1", "as": 65001, "peers": peers} for name, peers in families.items()}
    return f"summary|{json.dumps(listed)}"


def up(router: str, *announced: str) -> list[str]:
    """What is said of a router that there is a session with, shortened."""
    routes = {one: {"network": one, "path": "", "bgpOriginCode": "?"} for one in announced}
    told = {"bgpTableVersion": 1, "localAS": 65001, "advertisedRoutes": routes, "totalPrefixCounter": len(routes)}
    return [
        f'neighbor|{router}|{{"{router}":{{"remoteAs":65000,"bgpState":"Established"}}}}',
        f"told|{router}|{json.dumps(told)}",
    ]


def down(router: str, code: int, reason: str = "") -> list[str]:
    """The same of one without a session. + code: of the try to connect"""
    said = {"remoteAs": 65000, "bgpState": "Active", **({"lastNotificationReason": reason} if reason else {})}
    return [f"neighbor|{router}|{json.dumps({router: said})}", f"connects|{router}|{code}"]


def bfd(**status: str) -> str:
    return "bfd|" + json.dumps([{"peer": one, "status": word} for one, word in status.items()])


HERE = "here|127.0.0.1/8 10.99.0.1/32 ::1/128 "
BFD = bfd(**{"10.0.0.254": "up"})


def test_sessions_as_frr_shows_them() -> None:
    lines = [
        summary(
            ipv4Unicast={"10.0.0.254": peer(), "10.0.0.253": peer("Connect")}, ipv6Unicast={"fd00::fe": peer("Idle")}
        ),
        *(HERE, BFD, *up("10.0.0.254", "10.99.0.1/32")),
        *down("10.0.0.253", 124, r"OPEN Message Error/Bad Peer AS"),
        *(*down("fd00::fe", 1), "absent|fd00::fe", HERE),
    ]
    seen = BgpSessions().process(lines)
    assert seen["answers"] and seen["addresses"] == ["127.0.0.1/8", "10.99.0.1/32", "::1/128"]
    assert seen["sessions"]["10.0.0.254"] == {
        "state": "Established",
        "asn": 65000,
        "announced": ["10.99.0.1/32"],
        "bfd": "up",
        "reason": "",
        "behaviour": "",
    }
    others = [seen["sessions"][one] for one in ("10.0.0.253", "fd00::fe")]
    assert [one["behaviour"] for one in others] == ["silent", "absent"]
    assert [one["reason"] for one in others] == ["OPEN Message Error/Bad Peer AS", ""]


def test_an_address_that_came_or_went_meanwhile_does_not_count() -> None:
    lines = [summary(), "here|10.99.0.1/32 10.99.0.2/32 ", "bfd|[]", "here|10.99.0.2/32 10.99.0.3/32 "]
    assert BgpSessions().process(lines)["addresses"] == ["10.99.0.2/32"]


def test_a_router_that_frr_does_not_know_and_a_bfd_that_does_not_run() -> None:
    lines = [summary(), HERE, "bfd|bfdd is not running", 'neighbor|10.0.0.9|{  "bgpNoSuchNeighbor":true}', HERE]
    assert BgpSessions().process(lines)["sessions"] == {}


def test_an_frr_that_does_not_answer() -> None:
    assert BgpSessions().process(["silent"]) == {"answers": False, "addresses": [], "sessions": {}}


def found(lines: list[str], **settings: Any) -> dict[str, str]:
    declared = cluster(("10.0.0.1",), **settings)
    answers = {"pg1": {"bgp": BgpSessions().process(lines)}}
    overview = Overview.__new__(Overview)
    values = {"cluster": declared, "answers": answers, "silences": {}, "removed": {}}
    for name, value in values.items():
        object.__setattr__(overview, name, value)
    return {one.kind: one.finding.problem for one in findings(overview)}


def one_up(*announced: str, said: str = BFD) -> list[str]:
    return [summary(ipv4Unicast={"10.0.0.254": peer()}), HERE, said, *up("10.0.0.254", *announced), HERE]


def test_a_healthy_member_has_none() -> None:
    assert found(one_up("10.99.0.1/32")) == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (124, "it drops connections without a word, as with another password or behind a firewall"),
        (1, "it takes no BGP connection from this host"),
        (0, "it takes connections without a password; the numbers of the autonomous systems may differ"),
    ],
)
def test_a_session_that_is_down_is_named_with_what_the_router_does(code: int, words: str) -> None:
    seen = found([summary(ipv4Unicast={"10.0.0.254": peer("Active")}), HERE, BFD, *down("10.0.0.254", code), HERE])
    assert seen["bgp-session"] == f"the session with 10.0.0.254 (AS 65000) is Active: {words}"
    assert seen["bgp-alone"] == "no session with 10.0.0.254"
    assert "bgp-bfd" not in seen and "bgp-unannounced" not in seen


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (124, "BFD with it is not up, and FRR waits for that"),
        (
            1,
            "it takes no BGP connection from this host; BFD with it is not up, and FRR waits for that",
        ),
    ],
)
def test_a_session_that_waits_for_bfd_is_named_so(code: int, words: str) -> None:
    said = [summary(ipv4Unicast={"10.0.0.254": peer("Idle")}), HERE, "bfd|[]", *down("10.0.0.254", code), HERE]
    assert found(said)["bgp-session"] == f"the session with 10.0.0.254 (AS 65000) is Idle: {words}"
    assert "BFD" not in found(said, bgp_bfd=False)["bgp-session"]


def test_a_host_that_is_not_there_waits_for_nothing() -> None:
    said = [summary(ipv4Unicast={"10.0.0.254": peer("Idle")}), HERE, "bfd|[]", *down("10.0.0.254", 1)]
    seen = found([*said, "absent|10.0.0.254", HERE])
    assert seen["bgp-session"] == "the session with 10.0.0.254 (AS 65000) is Idle: no host answers at that address"


def test_the_reason_of_a_refused_session_is_named() -> None:
    said = down("10.0.0.254", 1, "OPEN Message Error/Bad Peer AS")
    seen = found([summary(ipv4Unicast={"10.0.0.254": peer("Active")}), HERE, BFD, *said, HERE])
    assert seen["bgp-session"].endswith("this host; the last message was OPEN Message Error/Bad Peer AS")


def test_a_router_that_frr_does_not_know_is_no_session() -> None:
    seen = found(one_up("10.99.0.1/32"), bgp_neighbors={"10.0.0.254": 65000, "10.0.0.253": 65000})
    assert seen == {"bgp-session": "FRR knows no router 10.0.0.253"}


def test_an_address_that_was_not_announced() -> None:
    assert found(one_up()) == {"bgp-unannounced": "has 10.99.0.1, and did not announce it to 10.0.0.254"}
    assert found(one_up("10.99.0.2/32")) == found(one_up()), "another one is not that one"


def test_a_session_without_bfd() -> None:
    down_bfd, no_bfd = bfd(**{"10.0.0.254": "down"}), "bfd|bfdd is not running"
    words = "BFD with 10.0.0.254 is {}: this host's end shows only by silence"
    assert found(one_up("10.99.0.1/32", said=down_bfd)) == {"bgp-bfd": words.format("down")}
    assert found(one_up("10.99.0.1/32", said=no_bfd)) == {"bgp-bfd": words.format("unknown to FRR")}
    assert found(one_up("10.99.0.1/32", said=no_bfd), bgp_bfd=False) == {}
