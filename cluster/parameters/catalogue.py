"""
PostgreSQL's parameters by major version, as servers themselves told them: what each takes, before any host is asked.

The data lie beside this file. To write them anew, ask a server with the statement in ``ASK``, and give its
answer to this module, with a word about where that server came from:
``psql -XAtqc "$(python -m cluster.parameters_catalogue)" | python -m cluster.parameters_catalogue 17 "Debian 13"``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from cluster.observed.postgres import SeenParameter

FILE = Path(__file__).with_suffix(".json")

# Numbers and words of what is only shown differ from build to build, and so do paths.
ASK = """
select json_agg(json_build_object('name', name, 'context', context, 'type', vartype, 'unit', unit,
  'setting', case when context <> 'internal' and vartype <> 'string' then boot_val end,
  'least', case when context <> 'internal' then min_val::float end,
  'most', case when context <> 'internal' then max_val::float end,
  'words', case when context <> 'internal' then enumvals end) order by lower(name), name)
from pg_settings where name !~ '[.]'
"""

_ABSENT: Mapping[str, Any] = {"unit": None, "setting": "", "least": None, "most": None, "words": []}


@cache
def catalogue(version: int) -> Mapping[str, SeenParameter]:
    """
    Every parameter of a major version by its name in lower case, with what it takes. ``setting`` is what a server
    begins with, as far as that is the same everywhere. Those of extensions, with a dot in their name, are not there.
    """
    return {one["name"].lower(): _parameter(one) for one in _data()["parameters"] if version in one["versions"]}


def shown_name(name: str) -> str:
    """A parameter's name as PostgreSQL writes it, e.g. ``TimeZone``. + name: in any case"""
    return next((one["name"] for one in _data()["parameters"] if one["name"].lower() == name.lower()), name)


def versions_with(name: str) -> list[int]:
    """The major versions that have a parameter. + name: in any case"""
    return sorted(int(version) for version in _data()["sources"] if name.lower() in catalogue(int(version)))


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _parameter(one: Mapping[str, Any]) -> SeenParameter:
    known = {name: value for name, value in one.items() if name not in ("name", "versions")}
    return cast(SeenParameter, {**_ABSENT, **known})


def merged_rows(
    data: Mapping[str, Any], version: int, source: str, rows: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """
    The data with what a server of a version says, in place of what they had of that version.

    + source: where that server came from; + rows: its answer to ``ASK``
    """
    kept: list[tuple[dict[str, Any], list[int]]] = []
    told = [(_dense(row), [version]) for row in rows]
    others = [
        ({name: value for name, value in one.items() if name != "versions"}, sorted(set(one["versions"]) - {version}))
        for one in data.get("parameters", ())
    ]
    for one, versions in [*others, *told]:
        same = next((has for known, has in kept if known == one), None)
        if same is None:
            kept.append((one, versions))
        else:
            same += versions
    parameters = [{"name": one["name"], "versions": sorted(has), **one} for one, has in kept if has]
    parameters.sort(key=lambda one: (one["name"].lower(), one["versions"]))
    sources = {**data.get("sources", {}), str(version): source}
    return {"sources": dict(sorted(sources.items())), "parameters": parameters}


def _dense(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a server says, without what is not there; whole numbers as such."""
    found = {name: value for name, value in row.items() if value not in (None, "", [])}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in found.items()
    }


def as_text(data: Mapping[str, Any]) -> str:
    """The file: one line a parameter, so that a difference between versions is one of lines."""
    sources = ",\n".join(
        f"  {json.dumps(version)}: {json.dumps(source)}" for version, source in data["sources"].items()
    )
    lines = ",\n".join(f"  {json.dumps(one)}" for one in data["parameters"])
    return f'{{\n "sources": {{\n{sources}\n }},\n "parameters": [\n{lines}\n ]\n}}\n'


def main(arguments: Sequence[str]) -> int:
    """Print the statement for a server, or take its answer into the file: the version, and where it came from."""
    if not arguments:
        sys.stdout.write(ASK)
        return 0
    version, source = arguments
    data = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    FILE.write_text(as_text(merged_rows(data, int(version), source, json.load(sys.stdin))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
