"""Who may reach which port, as a table, as rules of nftables, and as data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from cluster.components.component_type import CLIENTS, MONITORING
from cluster.components.firewall.matrix import ADMINISTRATORS, ALL, OTHERS, Passage
from cluster.components.firewall.rules import rules_text
from cluster.settings.firewall import ANYWHERE

_HEADING = ("host", "port", "at", "for", "open to")
_AT = _HEADING.index("at")


def matrix_lines(name: str, rows: Sequence[Passage]) -> list[str]:
    """
    A table with a line for each port of each host, and where hosts have several addresses, for each of those.

    + name: the cluster's; + rows: its passages
    """
    cells = [_HEADING, *(_cells(list(some)) for _, some in groupby(sorted(rows, key=_place), _place))]
    if not any(row.at for row in rows):
        cells = [row[:_AT] + row[_AT + 1 :] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return ["", f"{name}: who may reach which port", *(f"  {line}" for line in table), ""]


def _place(row: Passage) -> tuple[str, int, str, str, tuple[str, ...]]:
    return row.host, row.port or 0, row.protocol, row.what, row.at


def _cells(some: Sequence[Passage]) -> tuple[str, ...]:
    first = some[0]
    port = first.protocol if first.port is None else f"{first.port}/{first.protocol}"
    return first.host, port, ", ".join(first.at) or "all", first.what, "; ".join(map(_source, some))


def _source(row: Passage) -> str:
    """A host by its name, others with the networks from which they come."""
    if set(ANYWHERE) <= set(row.networks):
        return f"{row.who} from anywhere"
    if row.who not in (ADMINISTRATORS, ALL, CLIENTS, MONITORING, OTHERS):
        return row.who
    return f"{row.who} from {', '.join(row.networks)}"


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
            "at": list(row.at),
            "for": row.what,
            "from": row.who,
            "networks": list(row.networks),
        }
        for row in rows
    ]
