"""Clients at an address on which HAProxy would listen no more are named before they are cut off."""

from __future__ import annotations

from typing import Any

from cluster.preflight.clients import cut_off_findings
from tests.cluster.preflight_hosts import a_cluster, findings, listens, rows, running

EVERYWHERE = [listens(5000, "haproxy.service"), listens(5001, "haproxy.service")]


def at(address: str, port: int = 5000) -> dict[str, Any]:
    return {"address": address, "port": port}


def problems(*sessions: dict[str, Any], listening: Any = EVERYWHERE, **settings: Any) -> list[tuple[str, str, str]]:
    picture = running(1, listening=listening, sessions=list(sessions), postgres=[])
    return [row for row in rows(findings(a_cluster(**settings), pg1=picture)) if row[1] == "haproxy_listen"]


def test_clients_at_an_address_that_nobody_declared_are_named_with_their_ports() -> None:
    said = "clients are connected to 192.0.2.7, port 5000, 5001, which is not declared"
    assert problems(at("192.0.2.7"), at("192.0.2.7", 5001)) == [("pg1", "haproxy_listen", said)]


def test_declared_addresses_and_loopback_go_on_being_served() -> None:
    assert problems(at("10.0.0.1"), at("127.0.0.1"), at("::1")) == []
    assert problems(at("192.0.2.7"), cluster_extra_names=["192.0.2.7"]) == []
    assert problems(at("192.0.2.7"), haproxy_listen=["10.0.0.1", "192.0.2.7"]) == []
    assert problems(at("192.0.2.7"), haproxy_listen=["*"]) == []


def test_a_choice_that_leaves_out_the_host_s_own_address_cuts_off_who_is_there() -> None:
    assert [row[2] for row in problems(at("10.0.0.1"), haproxy_listen=["192.0.2.7"])] == [
        "clients are connected to 10.0.0.1, port 5000, which is not declared"
    ]


def test_an_address_for_clients_takes_the_former_one_from_none_that_is_connected() -> None:
    """HAProxy listens on what was declared before, and would leave it."""
    listening = [listens(5000, "haproxy.service", "10.0.0.1"), listens(5000, "haproxy.service", "127.0.0.1")]
    cluster = a_cluster("pg1", client_address="10.1.0.1")
    picture = running(1, listening=listening, sessions=[at("10.0.0.1"), at("127.0.0.1")], postgres=[])
    (found,) = cut_off_findings(cluster, {"pg1": picture})
    assert found.problem == "clients are connected to 10.0.0.1, port 5000, which is not declared"
    assert found.hint.startswith("Add 10.0.0.1 to cluster_extra_names, or to this host's haproxy_listen")
    assert list(cut_off_findings(cluster, {"pg1": picture}, moving=["pg1"])) == []
    both = a_cluster("pg1", client_address="10.1.0.1", haproxy_listen=["10.0.0.1", "10.1.0.1"])
    assert list(cut_off_findings(both, {"pg1": picture})) == []


def test_sessions_that_outlive_a_reload_are_no_reason_to_refuse() -> None:
    assert problems(at("192.0.2.7"), listening=[listens(5000, "haproxy.service", "10.0.0.1")]) == []
