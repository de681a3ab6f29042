"""Who would shut himself out is told before any rule is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.preflight.hosts import picture_question
from tests.cluster.preflight_hosts import a_cluster, findings, rows, running

ON = {"firewall_mode": "nftables", "firewall_client_networks": ["10.7.0.0/16"]}


def told(access: dict[str, Any] | None, **settings: Any) -> list[tuple[str, str, str]]:
    cluster = a_cluster(**{**ON, **settings})
    found = rows(findings(cluster, pg1=running(1, access=access, postgres=[])))
    return [row for row in found if row[1].startswith("firewall")]


def access(source: str | None = "192.0.2.7", port: int | None = 22, *, may_filter: bool = True) -> dict[str, Any]:
    return {"may_filter": may_filter, "source": source, "port": port}


def test_a_machine_that_comes_from_elsewhere() -> None:
    problem = "this machine comes to the host from 192.0.2.7, which is in none of 10.0.0.0/8, fd00::/8"
    assert told(access(), firewall_ssh_networks=["10.0.0.0/8", "fd00::/8"]) == [
        ("pg1", "firewall_ssh_networks", problem)
    ]


@pytest.mark.parametrize("source", ["192.0.2.7", "::ffff:192.0.2.7"])
def test_a_machine_in_one_of_the_networks(source: str) -> None:
    assert told(access(source), firewall_ssh_networks=["10.0.0.0/8", "192.0.2.0/24"]) == []


def test_ssh_on_another_port() -> None:
    problem = "this machine comes to port 2222 of the host, and 22 would be open"
    assert told(access(port=2222)) == [("pg1", "firewall_ssh_port", problem)]
    assert told(access(port=2222), firewall_ssh_port=2222) == []


def test_a_host_that_may_not_filter() -> None:
    problem = "the host may not have a firewall: it lacks CAP_NET_ADMIN"
    assert told(access(may_filter=False)) == [("pg1", "firewall_mode", problem)]


def test_who_does_not_come_by_ssh_cannot_lose_it() -> None:
    assert told(access(None, None), firewall_ssh_networks=["10.0.0.0/8"]) == []


def test_without_a_firewall_nobody_asks() -> None:
    off = a_cluster()
    assert "firewall" not in picture_question(off, off.nodes[0])
    assert told(access(may_filter=False), firewall_mode="off") == []
    on = a_cluster(**ON)
    assert picture_question(on, on.nodes[0])["firewall"] is True
