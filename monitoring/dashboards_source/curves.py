"""What Prometheus answers, as series with names, and numbers as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Beyond this between two values a series was not there.
GAP_SECONDS = 45


@dataclass(frozen=True)
class Series:
    """
    Values over time.

    + name: as the legend has it
    + points: moment and value, those that are numbers
    """

    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    def with_gaps(self) -> Iterator[tuple[float, float]]:
        """The points, with one that is no number wherever the series was not there."""
        last = None
        for moment, value in self.points:
            if last is not None and moment - last > GAP_SECONDS:
                yield last + 1, math.nan
            yield moment, value
            last = moment

    def stretches(self) -> Iterator[tuple[float, float, float]]:
        """From when to when it had which value; a gap is between two of them."""
        first = last = None
        for moment, value in self.points:
            if first and last and (value != first[1] or moment - last > GAP_SECONDS):
                yield first[0], (moment if moment - last <= GAP_SECONDS else last), first[1]
                first = None
            first, last = first or (moment, value), moment
        if first and last:
            yield first[0], last, first[1]


def of_answer(result: list[dict[str, Any]], legend: str) -> list[Series]:
    """
    The series of an answer to a query over a range.

    + legend: with labels as in {{member}}
    """
    return [_series(one, legend) for one in result]


def _series(one: dict[str, Any], legend: str) -> Series:
    labels = one["metric"]
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
    numbers = ((float(moment), float(value)) for moment, value in one["values"])
    return Series(name, labels, tuple(pair for pair in numbers if math.isfinite(pair[1])))


def shown(value: float, unit: str) -> str:
    """
    A number on an axis.

    + unit: as Grafana calls it
    """
    if unit == "percentunit":
        return f"{value:.0%}" if value >= 0.1 or value == 0 else f"{value * 100:.2g}%"
    if unit in ("bytes", "Bps"):
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB")) + ("/s" if unit == "Bps" else "")
    if unit == "s":
        return _duration(value)
    return (
        f"{value:.3g}" + ("/s" if unit == "ops" else "")
        if value < 1e5
        else _scaled(value, 1000, ("", "k", "M", "G", "T"))
    )


def _scaled(value: float, step: int, names: tuple[str, ...]) -> str:
    power = min(int(math.log(value, step)), len(names) - 1) if value >= step else 0
    return f"{value / step**power:.3g} {names[power]}".strip()


def _duration(value: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} s" if value >= 1 or value == 0 else f"{value * 1000:.3g} ms"
