"""From where clients come: as declared, or as the lines of pg_hba say."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.client_networks import client_networks, lines_without_network
from cluster.settings.settings import Settings


def settings(*lines: str, **other: Any) -> Settings:
    return Settings(postgres_hba=list(lines), **other)


def test_lines_that_let_in_name_the_networks() -> None:
    said = settings(
        "hostssl app all 10.7.0.0/16 scram-sha-256",
        "hostssl app all 10.7.0.0 255.255.0.0 scram-sha-256",
        "hostssl all all fd07::/32 scram-sha-256",
        "host all all 10.8.0.0/16 reject",
        "local all all scram-sha-256",
        "hostssl all all 127.0.0.1/32 scram-sha-256",
        "hostssl all all samehost scram-sha-256",
    )
    assert client_networks(said) == ("10.7.0.0/16", "fd07::/32")
    assert lines_without_network(said) == ()


def test_all_is_everywhere() -> None:
    assert client_networks(settings("hostssl all all all scram-sha-256")) == ("0.0.0.0/0", "::/0")


def test_what_is_declared_counts_alone() -> None:
    said = settings("hostssl all all 10.7.0.0/16 scram-sha-256", firewall_client_networks=["10.9.0.0/24"])
    assert client_networks(said) == ("10.9.0.0/24",)


@pytest.mark.parametrize("where", ["db.example.net", ".example.net", "samenet"])
def test_a_line_without_a_network_is_named(where: str) -> None:
    line = f"hostssl all all {where} scram-sha-256"
    assert lines_without_network(settings(line)) == (line,)
    assert client_networks(settings(line)) == ()
