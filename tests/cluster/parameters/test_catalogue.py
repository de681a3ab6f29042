"""The catalogue of PostgreSQL's parameters: whole, one line each, and made anew without losing another version."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest

from cluster.parameters.catalogue import FILE, as_text, catalogue, merged_rows, shown_name, versions_with
from cluster.settings.settings import Settings

VERSIONS = typing.get_args(Settings.model_fields["postgres_version"].annotation)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_that_may_be_declared_is_there(version: int) -> None:
    known = catalogue(version)
    assert len(known) > 340
    assert {"max_connections", "timezone", "datestyle", "intervalstyle", "shared_buffers"} <= set(known)
    assert not [name for name in known if name != name.lower() or "." in name]
    assert {one["type"] for one in known.values()} == {"bool", "enum", "integer", "real", "string"}
    assert all(one["words"] for one in known.values() if one["type"] == "enum" and one["context"] != "internal")


def test_the_file_is_as_it_is_written() -> None:
    data = json.loads(FILE.read_text())
    assert as_text(data) == FILE.read_text()
    assert all(data["sources"].values())


def test_names_are_shown_as_postgresql_shows_them() -> None:
    assert [shown_name(name) for name in ("timezone", "DATESTYLE", "work_mem")] == ["TimeZone", "DateStyle", "work_mem"]


def test_a_version_has_what_it_has() -> None:
    assert versions_with("IO_method") == [18]
    assert versions_with("nothing_like_it") == []


def row(name: str, most: float = 5.0) -> dict[str, Any]:
    return {"name": name, "context": "user", "type": "integer", "unit": None, "setting": "1", "least": 0, "most": most}


def test_what_a_version_says_again_takes_the_place_of_what_it_said() -> None:
    data = merged_rows({}, 17, "here", [row("a"), row("b")])
    data = merged_rows(data, 18, "there", [row("a"), row("b", 7.0)])
    assert [(one["name"], one["versions"], one["most"]) for one in data["parameters"]] == [
        *[("a", [17, 18], 5), ("b", [17], 5), ("b", [18], 7)]
    ]
    data = merged_rows(data, 17, "elsewhere", [row("b", 7.0)])
    assert [(one["name"], one["versions"]) for one in data["parameters"]] == [("a", [18]), ("b", [17, 18])]
    assert data["sources"] == {"17": "elsewhere", "18": "there"}
