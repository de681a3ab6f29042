"""The program with which a host judges itself: this project's own modules, as one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
# What a host calls; the rest is what that needs.
ENTRY = "operations.live.judgement"
_STAND_INS = "cluster/components/on_host/stand_ins/"
_KINDS = ("*.py", "*.json", "*.sh", "*.pl")
_FOLDERS = ("cluster", "facts", "operations/live/questions")
_MODULES = ("operations/__init__.py", "operations/live/__init__.py", "operations/live/answers.py")
# Pages; and what lies at the top of the bundle.
_LEFT_OUT = ("cluster/manual/", _STAND_INS)


@cache
def bundle() -> str:
    """
    The modules by their names, as JSON. Not packed: what packs them is not the same on every control machine, and each
    would write the file anew after another.
    """
    return f"{json.dumps({name: path.read_text(encoding='utf-8') for name, path in _sources()})}\n"


def _sources() -> Iterator[tuple[str, Path]]:
    """Each file by its name in the bundle."""
    modules = (*_MODULES, f"{ENTRY.replace('.', '/')}.py")
    files = [ROOT / name for name in modules]
    files += [path for folder in _FOLDERS for kind in _KINDS for path in (ROOT / folder).rglob(kind)]
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(_LEFT_OUT):
            yield name, path
    there = ROOT / _STAND_INS
    yield from ((path.relative_to(there).as_posix(), path) for path in sorted(there.rglob("*.py")))
