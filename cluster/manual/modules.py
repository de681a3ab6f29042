"""docs/map.md: every module with the first sentence of its docstring, folder by folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LAYERS = ("deploys", "operations", "facts", "cluster", "monitoring")

_HEAD = """\
# Map

Every module with what is in it. This page is made from the docstrings: `make docs` writes it.

A component or a run has the same name in every layer: `git ls-files '*haproxy*'`, `git ls-files '*switchover*'`.
[CONTRIBUTING.md](../CONTRIBUTING.md) says where new things go, [design.md](design.md) what the layers are.
"""


def page(root: Path) -> str:
    """The whole page. + root: of the repository"""
    return _HEAD + "".join(_section(root, folder) for layer in LAYERS for folder in folders(root / layer))


def folders(top: Path) -> list[Path]:
    """The folders with modules, each before those in it. + top: the first one"""
    return sorted({path.parent for path in top.rglob("*.py") if path.name != "__init__.py"})


def sentence(text: str) -> str:
    """
    What a module says of itself, on one line: the first paragraph of its docstring.

    + text: the module's source
    """
    documented = ast.get_docstring(ast.parse(text)) or ""
    return " ".join(documented.partition("\n\n")[0].split())


def _section(root: Path, folder: Path) -> str:
    name = folder.relative_to(root).as_posix()
    return f"\n## {name}/\n\n| Module | What is in it |\n|---|---|\n{''.join(_rows(root, folder))}"


def _rows(root: Path, folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            link = f"../{path.relative_to(root).as_posix()}"
            # A "<host>" would be taken for HTML, and shown as nothing.
            words = sentence(path.read_text()).replace("|", r"\|").replace("<", "&lt;").replace(">", "&gt;")
            yield f"| [{path.name}]({link}) | {words} |\n"
