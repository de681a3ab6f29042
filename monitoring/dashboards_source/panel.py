"""What a dashboard is made of, whatever draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["lines", "states", "number", "table"]

# Abbreviations in the selectors of a query.
_SELECTORS = {"@cluster": 'cluster=~"$cluster"', "@member": 'cluster=~"$cluster",member=~"$member"'}


@dataclass(frozen=True)
class Query:
    """
    A question to Prometheus.

    + expression: with @cluster and @member in its selectors, for the variables of the dashboard
    + legend: how each series is called, with labels as in {{member}}; in a table the heading of its column
    """

    expression: str
    legend: str = ""

    @property
    def text(self) -> str:
        """The expression as Grafana gets it."""
        text = self.expression
        for short, selector in _SELECTORS.items():
            text = text.replace(short, selector)
        return text


@dataclass(frozen=True)
class Panel:
    """
    One picture of a dashboard.

    + title: what it shows
    + queries: all of them in one picture
    + unit: Grafana's name of the unit, e.g. bytes
    + kind: lines over time, states over time, the present number, or a table with a row for each label in ``by``
    + about: how to read it, and what is normal
    + states: of a value, its name and colour
    + limit: the value from which on it is bad; drawn as a line
    + width: in 24ths of the dashboard
    """

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "lines"
    about: str = ""
    states: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    limit: float | None = None
    by: str = "cluster"
    width: int = 8
    height: int = 7


@dataclass(frozen=True)
class Row:
    """Panels beside each other, under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """
    A dashboard.

    + name: of its file, and in its address
    + members: whether single members can be chosen
    """

    name: str
    title: str
    about: str
    rows: tuple[Row, ...]
    members: bool = True


def one(title: str, expression: str, legend: str = "{{member}}", **words: object) -> Panel:
    """
    A panel with one query.

    + words: what else a ``Panel`` takes
    """
    return Panel(title, (Query(expression, legend),), **words)  # type: ignore[arg-type]


GOOD, BAD, WORSE, OTHER = "green", "orange", "red", "blue"
YES_IS_BAD: Mapping[int, tuple[str, str]] = {0: ("no", GOOD), 1: ("yes", WORSE)}
NO_IS_BAD: Mapping[int, tuple[str, str]] = {0: ("no", WORSE), 1: ("yes", GOOD)}
