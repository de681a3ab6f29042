"""The program with which a host judges itself: this project's own modules, as one file."""

from __future__ import annotations

import base64
import io
import lzma
import zipfile
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
# Pages; and what lies at the archive's top.
_LEFT_OUT = ("cluster/manual/", _STAND_INS)
PRESET = 1
_MOMENT = (2020, 1, 1, 0, 0, 0)  # the same modules are the same file, whenever they were checked out


@cache
def bundle() -> str:
    """An archive as text: base64, and a line end. Packed as a whole it is a third of what its files are each packed."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, path in _sources():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), path.read_bytes())
    return f"{base64.b64encode(lzma.compress(whole.getvalue(), preset=PRESET)).decode()}\n"


def _sources() -> Iterator[tuple[str, Path]]:
    """Each file by its name in the archive."""
    modules = (*_MODULES, f"{ENTRY.replace('.', '/')}.py")
    files = [ROOT / name for name in modules]
    files += [path for folder in _FOLDERS for kind in _KINDS for path in (ROOT / folder).rglob(kind)]
    for path in sorted(files):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(_LEFT_OUT):
            yield name, path
    there = ROOT / _STAND_INS
    yield from ((path.relative_to(there).as_posix(), path) for path in sorted(there.rglob("*.py")))
