"""
Texts that somebody has read and kept: another one than that is shown as a diff, with the command that keeps it.

    UPDATE_GOLDEN=1 pytest tests/golden
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent
SHOWN_LINES = 400
KEEP = "if that is as it should be: UPDATE_GOLDEN=1 pytest tests/golden, and read `git diff`"


def kept(directory: Path) -> dict[str, str]:
    """The texts below a directory, by path."""
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def assert_reviewed(texts: Mapping[str, str], directory: Path) -> None:
    """Demand that a directory holds these texts and no others; with UPDATE_GOLDEN=1, make it so."""
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(directory, ignore_errors=True)
        for path, text in texts.items():
            _keep(text, directory / path)
    _demand_equal(texts, kept(directory))


def assert_reviewed_text(text: str, file: Path) -> None:
    """The same of one text, which lies beside others."""
    if os.environ.get("UPDATE_GOLDEN"):
        _keep(text, file)
    _demand_equal({file.name: text}, {file.name: file.read_text()} if file.exists() else {})


def _keep(text: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _demand_equal(texts: Mapping[str, str], seen: Mapping[str, str]) -> None:
    paths = sorted({*seen, *texts})
    lines = [line for path in paths for line in _difference(path, seen.get(path), texts.get(path))]
    if lines:
        more = [f"... and {len(lines) - SHOWN_LINES} lines more"] if len(lines) > SHOWN_LINES else []
        pytest.fail("\n".join([*lines[:SHOWN_LINES], *more, KEEP]), pytrace=False)


def _difference(path: str, old: str | None, new: str | None) -> list[str]:
    """A unified diff; a text that is on one side alone is named. Ends of lines count, too."""
    if old == new:
        return []
    if old is None or new is None:
        return [f"{'only kept' if new is None else 'not kept yet'}: {path}"]
    before, after = ([f"{line}\n" for line in text.split("\n")] for text in (old, new))
    diff = unified_diff(before, after, f"kept/{path}", f"now/{path}")
    return [line.rstrip("\n") for line in diff]
