"""
The dashboards as pictures for the documentation, with what a Prometheus has.

``python -m monitoring.dashboards_source.pictures http://127.0.0.1:9090 --cluster main --minutes 30``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from math import ceil, log2
from pathlib import Path
from typing import Any

from matplotlib import dates, pyplot
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from monitoring.dashboards_source.curves import Series, of_answer, shown
from monitoring.dashboards_source.panel import Board, Panel, Row
from monitoring.dashboards_source.write import BOARDS
from monitoring.queries import Prometheus, chosen, options

DIRECTORY = Path(__file__).parents[2] / "docs" / "pictures"
COLOURS = {"green": "#56a64b", "orange": "#ff9830", "red": "#e02f44", "blue": "#3274d9", "grey": "#9aa0a6"}
CYCLE = ("#3274d9", "#ff9830", "#56a64b", "#e02f44", "#a352cc", "#1f9e9e", "#8f3bb8", "#b3863c", "#5f6a72", "#37872d")
COLUMNS, INCHES, HEADING = 24, 0.235, 0.42
POINTS = 240
# Seconds of a state times the width of its panel, from which on its name has space.
LEGIBLE = 1500
# Of a name beside states.
LETTERS = 34
Axes = Any


class Source:
    """A Prometheus, a cluster in it, and the stretch of time that is drawn."""

    def __init__(self, prometheus: Prometheus, cluster: str, minutes: int) -> None:
        self.prometheus, self.cluster = prometheus, cluster
        self.end = time.time()
        self.start = self.end - minutes * 60

    def series(self, panel: Panel) -> list[Series]:
        """All series of a panel, those of its queries one after the other."""
        return [one for query in panel.queries for one in of_answer(self._asked(query.text), query.legend)]

    def _asked(self, text: str) -> list[dict[str, Any]]:
        filled = text.replace("$cluster", self.cluster).replace("$member", ".*")
        step = max(1, int((self.end - self.start) / POINTS))
        asked = self.prometheus.asked("query_range", query=filled, start=self.start, end=self.end, step=step)
        found: list[dict[str, Any]] = asked["result"]
        return found


def picture(board: Board, source: Source, path: Path) -> None:
    """Draw one dashboard into a file."""
    heights = [HEADING + sum(line_heights(row)) for row in board.rows]
    figure = pyplot.figure(figsize=(13, sum(heights) + 0.1), dpi=72, facecolor="#f4f5f5")
    total, top = sum(heights) + 0.1, sum(heights)
    for row, height in zip(board.rows, heights, strict=True):
        figure.text(0.012, (top - 0.22) / total, row.title, fontsize=11, weight="bold", va="center")
        _row(figure, row, source, (top - HEADING) / total, total)
        top -= height
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, facecolor=figure.get_facecolor())
    pyplot.close(figure)
    _shrunk(path)


def line_heights(row: Row) -> list[float]:
    """How high each line of panels is, in inches."""
    return [max(panel.height for panel in line) * 0.3 for line in lines_of(row)]


def lines_of(row: Row) -> list[list[Panel]]:
    """Its panels as they stand below each other, as wide as the dashboard at most."""
    found: list[list[Panel]] = [[]]
    for panel in row.panels:
        if sum(one.width for one in found[-1]) + panel.width > COLUMNS:
            found.append([])
        found[-1].append(panel)
    return found


def _row(figure: Any, row: Row, source: Source, top: float, total: float) -> None:
    for line, height in zip(lines_of(row), line_heights(row), strict=True):
        left = 0
        for panel in line:
            box = (left / COLUMNS + 0.004, top - height / total + 0.05 / total, panel.width / COLUMNS - 0.008)
            _panel(figure, panel, source, (*box, (height - 0.1) / total), total)
            left += panel.width
        top -= height / total


def _panel(figure: Any, panel: Panel, source: Source, box: tuple[float, ...], total: float) -> None:
    left, bottom, width, height = box
    card = figure.add_axes(box, facecolor="white")
    card.set(xticks=[], yticks=[])
    card.spines[:].set_color("#d8d9da")
    card.text(0.012, 1 - 0.16 / (height * total), panel.title, transform=card.transAxes, fontsize=8.5, va="center")
    found = [one for one in source.series(panel) if one.points]
    longest = max((len(one.name) for one in found), default=0)
    margin = {"lines": 0.055, "states": 0.02 + 0.0047 * min(longest, LETTERS)}.get(panel.kind, 0.01)
    axes = figure.add_axes((left + margin, bottom + 0.26 / total, width - margin - 0.01, height - 0.62 / total))
    if not found:
        axes.axis("off")
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color="#9aa0a6", fontsize=9)
        return
    draw: dict[str, Callable[[Axes, Panel, list[Series]], None]] = {
        "lines": _lines,
        "states": _states,
        "number": _number,
        "table": _table,
    }
    draw[panel.kind](axes, panel, found)
    if panel.kind in ("lines", "states"):
        _timed(axes, source)


def _timed(axes: Axes, source: Source) -> None:
    axes.set_xlim(_day(source.start), _day(source.end))
    locator = dates.AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, show_offset=False))
    axes.tick_params(labelsize=7, length=0, colors="#464c54")
    axes.spines[:].set_visible(False)


def _day(moment: float) -> float:
    """As matplotlib counts, in days of UTC."""
    return moment / 86400


def _lines(axes: Axes, panel: Panel, found: list[Series]) -> None:
    high = max(value for one in found for _, value in one.points)
    for index, one in enumerate(found):
        times, values = zip(*((_day(moment), value) for moment, value in one.with_gaps()), strict=True)
        axes.plot(times, values, linewidth=1.1, color=CYCLE[index % len(CYCLE)], label=one.name)
    if panel.limit is not None and panel.limit <= max(high, 1e-9) * 2.5:
        axes.axhline(panel.limit, color=COLOURS["red"], linewidth=0.9, linestyle="--")
        high = max(high, panel.limit)
    axes.set_ylim(0, high * 1.15 or 1)
    axes.grid(axis="y", color="#eceef0", linewidth=0.8)
    binary = panel.unit in ("bytes", "Bps") and high > 0
    axes.yaxis.set_major_locator(MultipleLocator(2 ** ceil(log2(high / 4))) if binary else MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, panel.unit)))
    names = list(dict.fromkeys(one.name for one in found))
    if 1 <= len(names) <= 8:
        columns = min(len(names), 4 if max(map(len, names)) < 14 else 2)
        axes.legend(fontsize=6, frameon=False, ncols=columns, loc="upper left", borderaxespad=0.1, handlelength=1.2)


def _states(axes: Axes, panel: Panel, found: list[Series]) -> None:
    kept = found[:9]
    for index, one in enumerate(reversed(kept)):
        for start, end, value in one.stretches():
            text, colour = panel.states.get(round(value), (shown(value, panel.unit), "grey"))
            axes.broken_barh([(_day(start), _day(end - start))], (index - 0.38, 0.76), color=COLOURS[colour])
            if (end - start) * panel.width > LEGIBLE:
                axes.text(_day(start), index, f" {text}", fontsize=6.5, va="center", color="white", clip_on=True)
    axes.set_yticks(range(len(kept)), [one.name[-LETTERS:] for one in reversed(kept)])
    axes.set_ylim(-0.6, len(kept) - 0.4)


def _number(axes: Axes, panel: Panel, found: list[Series]) -> None:
    axes.axis("off")
    for index, one in enumerate(found):
        place = (index + 0.5) / len(found)
        axes.text(place, 0.55, shown(one.points[-1][1], panel.unit), ha="center", fontsize=17, color=COLOURS["green"])
        axes.text(place, 0.3, one.name, ha="center", fontsize=7)


def _table(axes: Axes, panel: Panel, found: list[Series]) -> None:
    axes.axis("off")
    heads = list(dict.fromkeys(one.name for one in found))
    rows = sorted({one.labels.get(panel.by, "") for one in found})
    cells = {(one.labels.get(panel.by, ""), one.name): f"{one.points[-1][1]:.4g}" for one in found}
    text = [[row, *(cells.get((row, head), "-") for head in heads)] for row in rows]
    made = axes.table(
        cellText=text, colLabels=[panel.by, *heads], loc="upper center", cellLoc="center", edges="horizontal"
    )
    made.auto_set_font_size(False)
    made.set_fontsize(8)
    made.scale(1, 1.5)


def _shrunk(path: Path) -> None:
    """A picture of few colours takes a third of the space."""
    from PIL import Image

    with Image.open(path) as opened:
        reduced = opened.convert("RGB").quantize(colors=64, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


def main() -> int:
    """Draw every dashboard."""
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    parser.add_argument("--minutes", type=int, default=30, help="how far back")
    given = parser.parse_args()
    source = Source(chosen(given), given.cluster, given.minutes)
    for board in BOARDS:
        picture(board, source, DIRECTORY / f"dashboard-{board.name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
