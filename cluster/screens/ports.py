"""Who may reach which port, as a table, as rules of nftables, and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from cluster.components.firewall import rules_text
from cluster.components.port_matrix import Passage
from cluster.settings.firewall import ANYWHERE

_HEADING = ("host", "port", "for", "from", "networks")


def matrix_lines(name: str, rows: Sequence[Passage]) -> list[str]:
    """A table with a line for each port and who may reach it. + name: the cluster's; + rows: its passages"""
    cells = [_HEADING, *map(_cells, rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_HEADING))]
    table = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return ["", f"{name}: who may reach which port", *(f"  {line}" for line in table), ""]


def _cells(row: Passage) -> tuple[str, ...]:
    port = row.protocol if row.port is None else f"{row.port}/{row.protocol}"
    return row.host, port, row.what, row.who, "anywhere" if _is_open(row) else ", ".join(map(_short, row.networks))


def _is_open(row: Passage) -> bool:
    return set(ANYWHERE) <= set(row.networks)


def _short(network: str) -> str:
    address, _, bits = network.partition("/")
    return address if bits == ("128" if ":" in address else "32") else network


def ruleset_lines(name: str, rows: Iterable[Passage]) -> list[str]:
    """The file of each host, with the host's name before it. + name: the cluster's; + rows: its passages"""
    return [
        line
        for host, own in groupby(rows, lambda row: row.host)
        for line in (f"# --- {host} of {name} ---", rules_text(list(own)))
    ]


def matrix_data(rows: Iterable[Passage]) -> list[dict[str, Any]]:
    """The same for programs. + rows: passages of a cluster"""
    return [
        {
            "host": row.host,
            "protocol": row.protocol,
            "port": row.port,
            "for": row.what,
            "from": row.who,
            "networks": list(row.networks),
        }
        for row in rows
    ]
