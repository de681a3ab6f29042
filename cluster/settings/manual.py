"""The settings as text for people: docs/settings.md, and group_data/all.py in the manner of postgresql.conf."""

from __future__ import annotations

import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic.fields import FieldInfo

from cluster.settings.base import Strict
from cluster.settings.messages import FORMS
from cluster.settings.settings import COMPONENTS, is_per_host

ROOT = Path(__file__).parents[2]
WIDTH = 120  # of a line in group_data/all.py, as everywhere in this repository

_TYPES = {int: "whole number", float: "number", bool: "True or False", str: "text", dict: "mapping", type(None): "None"}

_PAGE = """\
# Settings

Every setting with its default. This page is generated: `make docs` writes it.

Where a setting is changed:

| Place | Applies to | Wins over |
|---|---|---|
| `group_data/all.py` | all hosts | the defaults below |
| `group_data/<group>.py` | the hosts of a group | `group_data/all.py` |
| the host's data in `inventory.py` | that host | both files |
| `--data name=value` on the command line | all hosts, for one run | everything |

The hosts of one cluster share every setting, except those that are marked *per host*. An unknown name, a value of
another type and a value out of range are refused before any host is touched.
"""

_FILE = '''\
"""Settings for all hosts, as the comments of postgresql.conf show them: each one with its default.

Remove the "# " before a setting and change its value; what stays commented out follows the defaults, also new ones.
A host's own data in inventory.py wins over this file. docs/settings.md has all settings in tables.
"""
'''


def settings_page() -> str:
    """docs/settings.md: one table a component."""
    return _PAGE + "".join(map(_table, COMPONENTS))


def settings_file() -> str:
    """group_data/all.py: every setting as a comment that is Python once the "# " is gone."""
    return _FILE + "".join(map(_section, COMPONENTS))


def written(root: Path) -> dict[Path, str]:
    """What belongs into which file. + root: of the repository"""
    return {root / "docs" / "settings.md": settings_page(), root / "group_data" / "all.py": settings_file()}


def name_of(component: type[Strict]) -> str:
    """The component's name, which its settings begin with."""
    return component.__name__.removesuffix("Settings").lower()


def _table(component: type[Strict]) -> str:
    rows = [_row(name, field) for name, field in component.model_fields.items()]
    head = "| Setting | Default | Type and range | Meaning |\n|---|---|---|---|\n"
    return f"\n## {name_of(component)}\n\n{_sentence(component)}\n\n{head}{''.join(rows)}"


def _row(name: str, field: FieldInfo) -> str:
    meaning = f"{field.description}{' (*per host*)' if is_per_host(name) else ''}"
    # A "<host>" would be taken for HTML, and shown as nothing.
    words = (permitted(name, field), meaning.replace("<", "&lt;").replace(">", "&gt;"))
    return f"| `{name}` | `{_python(default_of(field))}` | {' | '.join(words)} |\n"


def _section(component: type[Strict]) -> str:
    lines = [line for name, field in component.model_fields.items() for line in _setting(name, field)]
    return "\n".join(["", f"# --- {name_of(component)}: {_sentence(component)}", "", *lines, ""])


def _setting(name: str, field: FieldInfo) -> Iterator[str]:
    declared = f"# {name} = {_python(default_of(field))}"
    limits = _file_limits(name, field)
    meaning = f"{field.description}; {limits}" if limits else str(field.description)
    if len(f"{declared}  # {meaning}") <= WIDTH:
        yield f"{declared}  # {meaning}"
        return
    # Indented, so that nobody takes the explanation for a setting.
    yield from textwrap.wrap(meaning, WIDTH, initial_indent="#   ", subsequent_indent="#   ", break_on_hyphens=False)
    yield declared


def _file_limits(name: str, field: FieldInfo) -> str:
    # A type that the default shows needs no word here.
    if typing.get_origin(field.annotation) is Literal:
        return _type(field.annotation)
    return ", ".join(part for part in (FORMS.get(name, ""), _limits(field)) if part)


def _sentence(component: type[Strict]) -> str:
    return (component.__doc__ or "").strip()


def default_of(field: FieldInfo) -> Any:
    """The value that a setting has when nobody sets it."""
    return field.get_default(call_default_factory=True)


def permitted(name: str, field: FieldInfo) -> str:
    """What a setting may be, in words: its type, and its range or form."""
    limits = _limits(field)
    form = f": {FORMS[name]}" if name in FORMS else ""
    return f"{_type(field.annotation)}{form}{f', {limits}' if limits else ''}"


def _type(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(map(_python, parts))
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_type, parts))
    if origin is list:
        return f"list of {_plural(parts[0])}"
    if origin is dict:
        return f"mapping of {_plural(parts[0])} to {_plural(parts[1])}"
    return _TYPES[annotation]


def _plural(annotation: Any) -> str:
    words = {str: "texts", int: "whole numbers", float: "numbers"}
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return "values"
    return words.get(annotation) or f"{_type(annotation).replace('mapping', 'mappings', 1)}"


def _limits(field: FieldInfo) -> str:
    found = {word: getattr(item, word) for item in field.metadata for word in ("ge", "gt", "le") if hasattr(item, word)}
    if "ge" in found and "le" in found:
        return f"{found['ge']}..{found['le']}"
    words = {"ge": "{} or more", "gt": "more than {}", "le": "at most {}"}
    return " and ".join(words[word].format(value) for word, value in found.items())


def _python(value: Any) -> str:
    """A value as the formatter of this repository leaves it: texts in double quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    return repr(value)


def main(arguments: Sequence[str]) -> int:
    """Write both files, or print one of them: ``settings`` or ``all``."""
    pages = {"settings": settings_page, "all": settings_file}
    if not arguments:
        for path, text in written(ROOT).items():
            path.write_text(text)
    elif len(arguments) == 1 and arguments[0] in pages:
        sys.stdout.write(pages[arguments[0]]())
    else:
        sys.stderr.write("usage: python -m cluster.settings.manual [settings | all]\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
