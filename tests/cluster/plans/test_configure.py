"""The PATCH that makes /config hold what is declared, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.parameters.catalogue import catalogue
from cluster.plans.configure import (
    Change,
    changed_names,
    changes_of,
    config_patch,
    merged,
    undeclared_parameters,
    values_of,
    without_absences,
)

CATALOG = json.loads((Path(__file__).parents[2] / "world" / "postgres_catalog.json").read_text())
NAMES = st.sampled_from(["ttl", "a", "b", "c", "postgresql", "parameters"])
SCALARS = st.one_of(st.integers(0, 5), st.booleans(), st.sampled_from(["on", "off", "64MB", "100", ""]))
LEAVES = st.one_of(SCALARS, st.lists(st.sampled_from(["x", "y"]), max_size=2))


def configurations(leaves: Any) -> Any:
    return st.recursive(
        st.dictionaries(NAMES, leaves, max_size=4), lambda inner: st.dictionaries(NAMES, inner | leaves, max_size=4)
    )


DECLARED = configurations(LEAVES | st.none())
OBSERVED = configurations(LEAVES)


def patched(observed: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What Patroni makes of a PATCH (``patch_config`` in its utils module)."""
    result = dict(observed)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = patched(result[name], value)
        elif isinstance(value, Mapping):
            result[name] = dict(value)
        else:
            result[name] = value
    return result


@given(DECLARED, OBSERVED)
def test_afterwards_everything_declared_holds(declared: dict[str, Any], observed: dict[str, Any]) -> None:
    assert config_patch(declared, patched(observed, config_patch(declared, observed))) == {}


@given(OBSERVED)
def test_nothing_to_do_where_it_is_as_declared(configuration: dict[str, Any]) -> None:
    assert config_patch(configuration, configuration) == {}


@given(DECLARED, OBSERVED)
def test_what_nobody_declares_is_left_alone(declared: dict[str, Any], observed: dict[str, Any]) -> None:
    after = patched(observed, config_patch(declared, observed))
    for name in set(observed) - set(declared):
        assert after[name] == observed[name]


@given(DECLARED, OBSERVED)
def test_names_nothing_that_is_not_declared(declared: dict[str, Any], observed: dict[str, Any]) -> None:
    assert set(config_patch(declared, observed)) <= set(declared)


def test_the_smallest_patch() -> None:
    declared = {"ttl": 30, "postgresql": {"parameters": {"work_mem": "8MB", "max_connections": 200}}}
    observed = {
        "ttl": 30,
        "pause": True,
        "postgresql": {"parameters": {"work_mem": "4MB", "max_connections": 200, "log_statement": "all"}},
    }
    assert config_patch(declared, observed) == {"postgresql": {"parameters": {"work_mem": "8MB"}}}


@pytest.mark.parametrize(
    "declared, observed",
    [(True, "on"), ("on", True), ("true", "on"), (False, "off"), (100, "100"), ("100", 100), (1.1, "1.1")],
)
def test_one_value_in_two_spellings_is_no_change(declared: Any, observed: Any) -> None:
    assert config_patch({"x": declared}, {"x": observed}) == {}


@pytest.mark.parametrize("declared, observed", [(True, "off"), ("on", False), (1, True), (0, False), ("64MB", 64)])
def test_different_values_are_a_change(declared: Any, observed: Any) -> None:
    assert config_patch({"x": declared}, {"x": observed}) == {"x": declared}


def test_none_takes_away_what_is_there_and_only_that() -> None:
    assert config_patch({"x": None}, {"x": 1}) == {"x": None}
    assert config_patch({"x": None}, {}) == {}
    assert config_patch({"p": {"x": None}}, {}) == {}


def test_a_list_is_replaced_whole() -> None:
    assert config_patch({"pg_hba": ["a", "b"]}, {"pg_hba": ["b", "a"]}) == {"pg_hba": ["a", "b"]}


def test_a_value_where_a_mapping_belongs_is_replaced() -> None:
    assert config_patch({"p": {"x": 1}}, {"p": 5}) == {"p": {"x": 1}}


def test_a_new_cluster_has_nothing_to_take_away() -> None:
    assert without_absences({"a": None, "p": {"x": None, "y": 0, "z": ""}}) == {"p": {"y": 0, "z": ""}}


def test_parameters_that_nobody_declares_are_named() -> None:
    declared = {"postgresql": {"parameters": {"work_mem": "8MB"}}}
    observed = {"postgresql": {"parameters": {"work_mem": "4MB", "log_statement": "all", "autovacuum": "off"}}}
    assert undeclared_parameters(declared, observed) == ["autovacuum", "log_statement"]
    assert undeclared_parameters(declared, {}) == []


def test_changes_are_named_as_people_say_them() -> None:
    assert changed_names({"ttl": 30, "postgresql": {"parameters": {"work_mem": "8MB"}, "pg_hba": []}}) == [
        "ttl",
        "work_mem",
        "pg_hba",
    ]


# --- What Patroni makes of a PATCH ---


@given(DECLARED, OBSERVED)
def test_merged_is_what_patroni_makes_of_it(declared: dict[str, Any], observed: dict[str, Any]) -> None:
    patch = config_patch(declared, observed)
    assert merged(observed, patch) == patched(observed, patch)


@given(DECLARED, OBSERVED)
def test_a_configuration_merged_with_its_patch_holds_what_is_declared(
    declared: dict[str, Any], observed: dict[str, Any]
) -> None:
    assert config_patch(declared, merged(observed, config_patch(declared, observed))) == {}


def test_merging_leaves_the_old_configuration_as_it_was() -> None:
    before = {"ttl": 30, "postgresql": {"parameters": {"work_mem": "4MB", "log_statement": "all"}}}
    after = merged(before, {"ttl": None, "postgresql": {"parameters": {"work_mem": "8MB", "log_statement": None}}})
    assert after == {"postgresql": {"parameters": {"work_mem": "8MB"}}}
    assert before == {"ttl": 30, "postgresql": {"parameters": {"work_mem": "4MB", "log_statement": "all"}}}


# --- The PostgreSQL parameters of a patch ---


def changes(before: dict[str, Any], **parameters: Any) -> list[Change]:
    observed = {"ttl": 30, "postgresql": {"parameters": before}} if before else {}
    return changes_of({"ttl": 45, "postgresql": {"parameters": parameters, "pg_hba": []}}, observed, CATALOG)


def test_each_change_says_from_what_to_what_and_whether_it_waits_for_a_restart() -> None:
    found = changes(
        {"max_connections": 200, "log_statement": "all"},
        max_connections=300,
        work_mem="7MB",
        log_statement=None,
        Shared_Buffers="1GB",
    )
    assert [(str(one), one.waits) for one in found] == [
        ("max_connections 200 -> 300", True),
        ("work_mem (unset) -> 7MB", False),
        ("log_statement all -> (unset)", False),
        ("Shared_Buffers (unset) -> 1GB", True),
    ]


def test_a_parameter_of_an_extension_waits_for_no_restart() -> None:
    assert changes({}, **{"auto_explain.log_analyze": "on"}) == [Change("auto_explain.log_analyze", None, "on", False)]


def test_zero_and_nothing_are_values() -> None:
    assert [str(one) for one in changes({"log_directory": ""}, log_directory=0)] == ["log_directory  -> 0"]


def test_a_patch_without_parameters_changes_none() -> None:
    assert changes_of({"ttl": 45}, {}, CATALOG) == []


@pytest.mark.parametrize(
    ("name", "declared", "shown"),
    [
        ("work_mem", "8MB", 8192.0),
        ("WORK_MEM", "8MB", 8192.0),
        ("checkpoint_timeout", "10min", 600.0),
        ("random_page_cost", "1.10", 1.1),
        ("log_min_duration_statement", -1, -1.0),
        ("log_file_mode", "0600", "0600"),
        ("log_file_mode", "0", "0000"),
        ("log_file_mode", 384, "0600"),
        ("log_checkpoints", "yes", "on"),
        ("synchronous_commit", "No", "off"),
        ("ssl_min_protocol_version", "TLSv1.3", "tlsv1.3"),
        ("wal_compression", "on", "pglz"),
        ("wal_compression", "lz4", "lz4"),
        ("log_line_prefix", "%m ", "%m "),
        ("auto_explain.log_analyze", True, "True"),
    ],
)
def test_the_new_value_as_postgresql_will_show_it(name: str, declared: object, shown: str | float) -> None:
    assert Change(name, None, declared, False).setting(CATALOG) == shown


# --- What no question can tell, or only another one ---

FREE = {"context": "user", "type": "string", "unit": None, "setting": "", "least": None, "most": None, "words": []}


def shown(name: str, value: object, **known: Any) -> str | float | None:
    return Change(name, None, value, False).setting({name.lower(): {**FREE, **known}})


@pytest.mark.parametrize(
    ("name", "value", "as_shown"),
    [
        ("DateStyle", "german", "German, DMY"),
        ("DateStyle", "dmy, sql", "SQL, DMY"),
        ("DateStyle", "ISO", None),  # the order is what it was
        ("TimeZone", "europe/berlin", "europe/berlin"),  # compared without regard to capitals
        ("TimeZone", "-7", None),
        ("log_timezone", "<+03>-3", None),
        ("client_encoding", "unicode", None),
        ("application_name", "App", "App"),
    ],
)
def test_a_text_is_shown_in_postgresql_s_own_way(name: str, value: str, as_shown: str | None) -> None:
    assert shown(name, value) == as_shown


def test_what_a_socket_has_no_part_in_is_not_asked_by_it() -> None:
    """PostgreSQL shows 0 there, whatever the file says."""
    for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"):
        assert shown(name, 60, type="integer") is None


def test_what_postgresql_raises_by_itself_is_expected_raised() -> None:
    def shown_as(value: object, version: int) -> str | float | None:
        return Change("autovacuum_work_mem", None, value, False).setting(catalogue(version))

    assert [shown_as(5, version) for version in (15, 17)] == [1024, 64]  # as maintenance_work_mem has it
    assert [shown_as(value, 17) for value in (-1, "2MB")] == [-1, 2048]


def test_a_command_waits_for_the_restart_that_lets_something_archive() -> None:
    catalog = {**CATALOG, "archive_command": FREE, "archive_mode": {**FREE, "setting": "off", "context": "postmaster"}}
    patch = {"postgresql": {"parameters": {"archive_command": "x", "archive_mode": "on"}}}
    assert [one.waits for one in changes_of(patch, {}, catalog)] == [True, True]
    catalog["archive_mode"] = {**catalog["archive_mode"], "setting": "on"}
    assert [one.waits for one in changes_of(patch, {}, catalog)] == [False, True]


@pytest.mark.parametrize("name", ["restore_command", "archive_cleanup_command", "recovery_end_command"])
def test_a_leader_has_no_setting_of_a_standby(name: str) -> None:
    assert not Change(name, None, "x", False).is_there(leads=True)
    assert Change(name, None, "x", False).is_there(leads=False)
    assert Change("work_mem", None, "x", False).is_there(leads=True)


def test_another_spelling_of_a_declared_name_is_not_left_alone() -> None:
    observed = {"postgresql": {"parameters": {"TimeZone": "UTC", "Other": 1}}}
    assert undeclared_parameters({"postgresql": {"parameters": {"timezone": "UTC"}}}, observed) == ["Other"]


def test_the_values_before_and_after_are_those_that_a_word_says() -> None:
    patch = {
        "ttl": 25,
        "synchronous_mode": None,
        "standby_cluster": None,
        "postgresql": {"parameters": {"max_connections": 200}, "pg_hba": ["local all all peer"]},
    }
    observed = {"ttl": 30, "standby_cluster": {"host": "h9"}, "postgresql": {"parameters": {"max_connections": 100}}}
    assert values_of(patch, observed, changes_of(patch, observed, {})) == (
        {"ttl": 30, "synchronous_mode": None, "max_connections": 100},
        {"ttl": 25, "synchronous_mode": None, "max_connections": 200},
    )
