"""A table of a screen: aligned columns, as wide as a screen and no wider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WIDTH = 110


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Aligned columns with a blank line above, if there are rows; a header that begins with a space is to the right."""
    lines = [header, *rows]
    if len(lines) == 1:
        return []
    widths = [max(len(line[n].strip()) for line in lines) for n in range(len(header))]
    right = [name.startswith(" ") for name in header]
    cells = [
        [f"{cell.strip():>{width}}" if end else f"{cell.strip():<{width}}" for cell, width, end in zipped]
        for zipped in (list(zip(line, widths, right, strict=True)) for line in lines)
    ]
    return ["", *(_cut(f"  {'  '.join(line)}".rstrip()) for line in cells)]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."
