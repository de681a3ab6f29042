"""The generated pages of docs/ and group_data/all.py: which file has which text. `make docs` writes them all."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cluster.checks.check_finding import kinds_table
from cluster.manual import alerts, modules
from cluster.settings import manual

ROOT = Path(__file__).parents[2]
_TABLE = re.compile(r"^\| Finding \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)


def written(root: Path) -> dict[Path, str]:
    """What belongs into each generated file. + root: of the repository"""
    check = root / "docs" / "runs" / "check.md"
    return {
        **manual.written(root),
        check: with_table(check.read_text()),
        root / "docs" / "alerts.md": alerts.page(root),
        root / "docs" / "map.md": modules.page(root),
    }


def with_table(text: str) -> str:
    """The page about check.py with the table of findings as the code has it; the rest is written by hand."""
    return _TABLE.sub(lambda _: kinds_table(), text, count=1)


def main() -> int:
    """Write every page."""
    for path, text in written(ROOT).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
