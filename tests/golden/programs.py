"""Programs that are installed unchanged: a golden file names them, for their text is in the repository already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cluster.components.findings.component import BUNDLE, DECLARATION
from tests.lab.paths import ROOT

PLACE = "cluster/components/on_host"
LIST = "programs.txt"
SHIPPED = "monitoring/rules"
# Any change of ours would show in them.
MADE_OF_ALL = (BUNDLE, DECLARATION)
_NAMES = {path.read_text(): path.name for path in (ROOT / PLACE).iterdir() if path.suffix in (".py", ".sh")}


def named_programs(texts: Mapping[str, str]) -> dict[str, str]:
    """
    The same files, but of each host those that are one of our programs in one list, each with its source.

    + texts: by ``<host>/<path>``
    """
    found: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for path, text in texts.items():
        if (source := _source(path, text)) is None:
            found[path] = text
        else:
            host, _, place = path.partition("/")
            lists.setdefault(f"{host}/{LIST}", []).append(f"/{place} is {source}\n")
    return found | {path: "".join(sorted(lines)) for path, lines in lists.items()}


def _source(path: str, text: str) -> str | None:
    """Where a program comes from, with the line that says who runs it; None: it is made for its host."""
    if path.endswith(MADE_OF_ALL):
        return "made of this repository's own modules, and of the host's other files"
    if "/prometheus/rules/" in path and (ROOT / SHIPPED / Path(path).name).exists():
        return f"{SHIPPED}/{Path(path).name}, with the declared limits"
    if text in _NAMES:
        return f"{PLACE}/{_NAMES[text]}"
    first, _, rest = text.partition("\n")
    return f"{PLACE}/{_NAMES[rest]} after {first}" if first.startswith("#!") and rest in _NAMES else None
