"""
Draws what a probe measured, in a process of its own: matplotlib is large, and an extra that need not be installed.

    python -m operations.util.on_control.probe_picture probe/NAME.json

Writes NAME.svg and NAME.html beside it, and with ``--png`` NAME.png. Exits with 3 where matplotlib is not installed.
"""

from __future__ import annotations

import html
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from cluster.endpoints.probe_timeline import PRIMARY, STANDBY, STOPPED, UNREACHED, Timeline

NO_LIBRARY = 3
INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
COLOURS = {PRIMARY: "#2563a8", STANDBY: "#b9d3ec", STOPPED: "#e9a23b", UNREACHED: "#c9ced6"}
DONE, FAILED, UNSURE, READ, GAP = "#3a9d6a", "#d64545", "#e9a23b", "#8aa4bf", "#fbe3e3"
LANE, ACT, WIDTH = 0.42, 0.3, 11.0
MOST_ACTS = 12

Acts: TypeAlias = list[tuple[str, list[tuple[float, float]]]]
WORDS = 46


def main() -> int:
    """Draw each file that is named."""
    try:
        import matplotlib  # noqa: F401 - whether it is there
    except ImportError:
        return NO_LIBRARY
    for word in sys.argv[1:]:
        if not word.startswith("--"):
            draw(Path(word), png="--png" in sys.argv)
    return 0


def draw(source: Path, *, png: bool = False) -> None:
    """The picture and the page of one file."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "font.family": ["DejaVu Sans", "sans-serif"], "font.size": 9})
    # The same data give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "probe"
    found = Timeline(**json.loads(source.read_text()))
    figure = _figure(found)
    svg = source.with_suffix(".svg")
    figure.savefig(svg, metadata={"Date": None, "Title": found.title})
    svg.write_text(_small(svg.read_text()))
    if png:
        figure.savefig(source.with_suffix(".png"), dpi=150)
    source.with_suffix(".html").write_text(page(found, svg.read_text()))


def _small(svg: str) -> str:
    """The same picture with a line for a path instead of one for each of its points, and no digits that nobody sees."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", re.sub(r" *\n(?=[LMCQz\"])", " ", svg))


def _figure(found: Timeline) -> Any:
    from matplotlib.figure import Figure

    acts = shown_acts(found)
    lanes, rows = len(found.members), 1.1
    height = 1.15 + LANE * lanes + 2 * rows + (0.2 + ACT * len(acts) if acts else 0)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    parts = [*([max(LANE * lanes, 0.1)] if lanes else []), rows, rows * 0.7, *([ACT * len(acts)] if acts else [])]
    axes = figure.subplots(len(parts), 1, sharex=True, height_ratios=parts, squeeze=False)[:, 0]
    below = list(axes)
    if lanes:
        _members(below.pop(0), found)
    _counts(below.pop(0), found, [("acknowledged", DONE), ("unknown", UNSURE), ("refused", FAILED)], "writes")
    _counts(below.pop(0), found, [("reads", READ)], "reads")
    if acts:
        _acts(below.pop(0), acts, found.seconds)
    for axis in axes:
        begin, end = found.gaps["writes"]
        axis.axvspan(begin, end, color=GAP, zorder=0, linewidth=0)
        axis.set_xlim(0, found.seconds)
        axis.tick_params(axis="x", colors=FAINT, length=0)
        axis.tick_params(axis="y", length=0)
        axis.set_axisbelow(True)
        axis.grid(axis="x", color=GRID, linewidth=0.7)
        for side in axis.spines.values():
            side.set_visible(False)
    axes[-1].set_xlabel("seconds", color=FAINT)
    figure.suptitle(title_of(found), x=0.01, ha="left", color=INK, fontsize=11, fontweight="bold")
    return figure


def title_of(found: Timeline) -> str:
    """Two lines: what was measured and when, and what clients felt."""
    begin, end = found.gaps["writes"]
    at = f"{datetime.fromtimestamp(found.at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    reads = found.gaps.get("reads")
    more = f", reads {reads[1] - reads[0]:.1f} s" if reads else ""
    first = ", ".join(word for word in (found.cluster, found.title, at) if word)
    return f"{first}\nwrites interrupted {end - begin:.1f} s{more}"


def _members(axis: Any, found: Timeline) -> None:
    from matplotlib.patches import Patch

    names = list(found.members)
    for row, name in enumerate(names):
        for begin, end, state in found.members[name]:
            axis.barh(row, end - begin, left=begin, height=0.62, color=COLOURS[state], linewidth=0)
            if end - begin > found.seconds / 11:
                colour = "white" if state == PRIMARY else INK
                axis.text((begin + end) / 2, row, state, ha="center", va="center", color=colour, fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", labelcolor=INK)
    axis.set_ylim(len(names) - 0.4, -0.6)
    seen = {state for spans in found.members.values() for _, _, state in spans}
    handles = [Patch(color=colour, label=state) for state, colour in COLOURS.items() if state in seen]
    _legend(axis, handles=handles)


def _legend(axis: Any, **more: Any) -> None:
    """Above the axis, where nothing is drawn."""
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1, "handlelength": 1.2}
    axis.legend(ncols=4, frameon=False, fontsize=8, labelcolor=INK, **place, **more)


def _counts(axis: Any, found: Timeline, rows: list[tuple[str, str]], what: str) -> None:
    steps = len(found.counts[rows[0][0]])
    edges = [n * found.seconds / steps for n in range(steps + 1)]
    bottom = [0.0] * steps
    for word, colour in rows:
        top = [under + count / found.step for under, count in zip(bottom, found.counts[word], strict=True)]
        if any(found.counts[word]):
            label = f"{word} ({sum(found.counts[word])})"
            # One path for all of it: a bar for each step would be a file of megabytes.
            axis.stairs(top, edges, baseline=bottom, fill=True, color=colour, label=label, linewidth=0)
        bottom = top
    highest = max(bottom, default=1.0) or 1.0
    axis.set_ylim(0, highest * 1.38)
    axis.set_ylabel(f"{what}/s", color=INK)
    axis.tick_params(axis="y", labelcolor=FAINT)
    _legend(axis)
    if what in found.gaps:
        begin, end = found.gaps[what]
        if end - begin >= 0.5:
            axis.annotate(
                "", (end, highest * 1.12), (begin, highest * 1.12), arrowprops={"arrowstyle": "<->", "color": FAILED}
            )
            middle = min(max((begin + end) / 2, found.seconds * 0.03), found.seconds * 0.97)
            words = f"{end - begin:.1f} s"
            axis.text(middle, highest * 1.18, words, ha="center", va="bottom", color=FAILED, fontweight="bold")


def _acts(axis: Any, acts: Acts, seconds: float) -> None:
    for row, (words, spans) in enumerate(acts):
        for begin, end in spans:
            axis.barh(row + 0.2, max(end - begin, seconds / 300), left=begin, height=0.34, color=INK, linewidth=0)
        first = max(0.0, spans[0][0])
        side = "left" if first < seconds * 0.6 else "right"
        axis.text(
            first if side == "left" else spans[0][1], row - 0.05, words, ha=side, va="bottom", color=INK, fontsize=8
        )
    axis.set_yticks([])
    axis.set_ylabel("acts", color=INK)
    axis.set_ylim(len(acts) - 0.4, -0.75)


def shown_acts(found: Timeline) -> Acts:
    """What the run did, by what it was, each with all times at which it was done."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for begin, end, host, words in sorted(found.acts):
        if end >= 0 and begin <= found.seconds:
            rows.setdefault(_words(host, words), []).append((begin, end))
    return list(rows.items())[:MOST_ACTS]


def _words(host: str, words: str) -> str:
    said = f"{host}: {words}" if host else words
    return said if len(said) <= WORDS else f"{said[:WORDS]} ..."


def page(found: Timeline, svg: str) -> str:
    """A page that needs nothing else: the picture and its figures."""
    drawn = svg[svg.index("<svg") :]
    totals = {word: sum(listed) for word, listed in found.counts.items()}
    rows = "".join(f"<tr><td>{html.escape(word)}</td><td>{count}</td></tr>" for word, count in totals.items())
    gaps = "".join(
        f"<tr><td>longest time without an answer, {html.escape(word)}</td><td>{end - begin:.2f} s</td></tr>"
        for word, (begin, end) in found.gaps.items()
    )
    title = html.escape(title_of(found).replace("\n", ": "))
    style = (
        "body{font-family:sans-serif;margin:2em auto;max-width:70em;color:#1f2933}"
        "svg{width:100%;height:auto}td{padding:.2em 1em .2em 0}"
    )
    data = html.escape(json.dumps(vars(found)))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f"<body>{drawn}<table>{gaps}{rows}</table><details><summary>data</summary><pre>{data}</pre></details></body></html>\n"
    )


if __name__ == "__main__":
    sys.exit(main())
