"""docs/settings.md and group_data/all.py say what the code says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cluster.settings import manual
from cluster.settings.settings import COMPONENTS, PREFIXES, UNPREFIXED, Settings, validated

SETTING = re.compile(r"# (?=(?:[a-z]+_\w+|monitoring) = )")


def all_data() -> dict[str, Any]:
    """group_data/all.py with every setting's "# " removed, executed."""
    data: dict[str, Any] = {}
    lines = [SETTING.sub("", line, count=1) for line in manual.settings_file().splitlines()]
    exec("\n".join(lines), {"__builtins__": {}}, data)
    return {name: value for name, value in data.items() if not name.startswith("_")}


def test_every_setting_is_in_both() -> None:
    for name in Settings.model_fields:
        assert manual.settings_page().count(f"| `{name}` |") == 1
        assert len(re.findall(rf"^# {name} = ", manual.settings_file(), re.MULTILINE)) == 1


def test_all_settings_uncommented_are_the_defaults() -> None:
    data = all_data()
    assert set(data) == set(Settings.model_fields)
    settings, findings = validated(data, {})
    assert findings == []
    assert settings == Settings()


def test_nothing_but_settings_becomes_data() -> None:
    as_shipped: dict[str, Any] = {}
    exec(manual.settings_file(), {"__builtins__": {}}, as_shipped)
    assert set(as_shipped) <= {"__doc__"}


def test_no_line_is_too_long_but_for_an_address() -> None:
    for line in manual.settings_file().splitlines():
        assert len(line) <= manual.WIDTH or "https://" in line


def test_every_component_names_its_prefix_and_says_what_it_is_for() -> None:
    names = [manual.name_of(component) for component in COMPONENTS]
    assert tuple(f"{name}_" for name in names) == PREFIXES
    for component, name in zip(COMPONENTS, names, strict=True):
        assert component.__doc__
        assert all(field.startswith(f"{name}_") for field in component.model_fields.keys() - UNPREFIXED)


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    "name, words",
    [
        ("patroni_ttl", "whole number, 20 or more"),
        ("etcd_quota_mib", "whole number, 64..8192"),
        ("etcd_election_ms", "whole number, at most 50000"),
        ("preflight_clock_skew_seconds", "number, more than 0 and at most 3600"),
        ("packages_source", '"distribution" or "pgdg" or "mirror"'),
        ("postgres_version", "15 or 16 or 17 or 18"),
        ("postgres_memory_mib", "whole number or None, 256 or more"),
        ("postgres_hba", "list of texts"),
        ("postgres_databases", "list of mappings of texts to texts"),
        ("postgres_parameters", "mapping of texts to values"),
        ("patroni_failsafe", "True or False or None"),
    ],
)
def test_types_and_ranges_are_words(name: str, words: str) -> None:
    assert manual.permitted(name, Settings.model_fields[name]) == words


def test_the_page_holds_no_html() -> None:
    assert "<" not in manual.settings_page().replace("group_data/<group>.py", "")


def test_prints_one_of_the_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert manual.main(["settings"]) == 0
    assert capsys.readouterr().out == manual.settings_page()
    assert manual.main(["other"]) == 2
    assert capsys.readouterr().err == "usage: python -m cluster.settings.manual [settings | all]\n"
