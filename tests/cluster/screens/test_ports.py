"""The port matrix as people and programs read it."""

from __future__ import annotations

from cluster.components.all import port_matrix
from cluster.components.firewall.matrix import Passage
from cluster.components.firewall.rules import rules_text
from cluster.screens.ports import matrix_data, matrix_lines, ruleset_lines
from tests.golden.examples import example

ROWS = (
    Passage("pg1", "tcp", 5432, "postgres_port", "pg2", ("10.0.0.2/32",)),
    Passage("pg1", "tcp", 22, "ssh", "administrators", ("0.0.0.0/0", "::/0")),
    Passage("pg1", "tcp", 5432, "postgres_port", "clients", ("10.7.0.0/16", "fd07::/32")),
    Passage("pg1", "vrrp", None, "vrrp", "pg2", ("10.0.0.2/32",)),
)


def test_a_table_has_a_line_for_each_port() -> None:
    assert matrix_lines("main", ROWS) == [
        "",
        "main: who may reach which port",
        "  host  port      for            open to",
        "  pg1   vrrp      vrrp           pg2",
        "  pg1   22/tcp    ssh            administrators from anywhere",
        "  pg1   5432/tcp  postgres_port  pg2; clients from 10.7.0.0/16, fd07::/32",
        "",
    ]


def test_where_hosts_have_several_addresses_it_says_at_which_a_port_is_reached() -> None:
    apart = (
        Passage("pg1", "tcp", 5432, "postgres_port", "pg2", ("10.0.0.2/32",), ("10.0.0.1",)),
        Passage("pg1", "tcp", 5432, "postgres_port", "clients", ("10.7.0.0/16",), ("10.1.0.1", "10.1.0.100")),
        Passage("pg1", "tcp", 22, "ssh", "administrators", ("0.0.0.0/0", "::/0")),
    )
    assert matrix_lines("main", apart)[2:-1] == [
        "  host  port      at                    for            open to",
        "  pg1   22/tcp    all                   ssh            administrators from anywhere",
        "  pg1   5432/tcp  10.0.0.1              postgres_port  pg2",
        "  pg1   5432/tcp  10.1.0.1, 10.1.0.100  postgres_port  clients from 10.7.0.0/16",
    ]
    assert matrix_data(apart)[1]["at"] == ["10.1.0.1", "10.1.0.100"]


def test_programs_get_every_passage() -> None:
    told = matrix_data(ROWS)
    assert len(told) == len(ROWS) and told[0] == {
        "host": "pg1",
        "protocol": "tcp",
        "port": 5432,
        "at": [],
        "for": "postgres_port",
        "from": "pg2",
        "networks": ["10.0.0.2/32"],
    }


def test_rules_of_each_host_are_those_that_it_would_load() -> None:
    cluster = example("dedicated")
    lines = ruleset_lines(cluster.name, port_matrix(cluster))
    assert [line for line in lines if line.startswith("# --- ")] == [
        f"# --- {one.name} of orders ---" for one in cluster
    ]
    own = [row for row in port_matrix(cluster) if row.host == cluster.nodes[0].name]
    assert lines[1] == rules_text(own)
