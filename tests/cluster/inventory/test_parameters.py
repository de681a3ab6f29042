"""Why PostgreSQL would not take what is declared: every reason in words, judged by what a PostgreSQL 17 said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.findings import Finding
from cluster.inventory.parameters import parameter_findings

CATALOG = json.loads((Path(__file__).parents[2] / "world" / "postgres_catalog.json").read_text())
WHERE = "group_data/all.py"
CHANGE = "Change it in postgres_parameters; https://www.postgresql.org/docs/current/runtime-config.html"


def found(members: int = 3, catalog: Any = CATALOG, **declared: Any) -> list[tuple[str, str]]:
    """Problem and hint of each finding."""
    return [(one.problem, one.hint) for one in parameter_findings(declared, catalog, members, WHERE)]


def test_what_a_real_postgresql_runs_with_is_right() -> None:
    """Its own settings, given back to it. One of them is read-only."""
    running = {name: known["setting"] for name, known in CATALOG.items() if known["context"] != "internal"}
    assert len(running) > 40
    assert found(**running) == []


def test_a_finding_names_the_file_and_the_setting() -> None:
    assert parameter_findings({"work_mem": "1kB"}, CATALOG, 3, WHERE) == [
        Finding(WHERE, "postgres_parameters", "work_mem '1kB' is below 64 (kB)", CHANGE)
    ]


@pytest.mark.parametrize(
    ("name", "value", "problem", "hint"),
    [
        (
            "max_conections",
            300,
            "max_conections 300 is no parameter of this PostgreSQL",
            "Did you mean max_connections?",
        ),
        ("xyzzy", "on", "xyzzy 'on' is no parameter of this PostgreSQL", CHANGE),
        ("block_size", 4096, "block_size 4096 cannot be set: it tells how the server was built", CHANGE),
        ("work_mem", "7XB", "work_mem '7XB' has the unit XB; it takes B, kB, MB, GB, TB", CHANGE),
        ("max_connections", "3kB", "max_connections '3kB' has the unit kB, and takes none", CHANGE),
        ("checkpoint_timeout", "5m", "checkpoint_timeout '5m' has the unit m; it takes us, ms, s, min, h, d", CHANGE),
        ("checkpoint_timeout", "soon", "checkpoint_timeout 'soon' is no number", CHANGE),
        ("shared_buffers", "1kB", "shared_buffers '1kB' is below 16 (8kB)", CHANGE),
        ("checkpoint_timeout", "2d", "checkpoint_timeout '2d' is above 86400 (s)", CHANGE),
        ("work_mem", "9TB", "work_mem '9TB' is above 2147483647 (kB)", CHANGE),
        ("max_connections", 262144, "max_connections 262144 is above 262143", CHANGE),
        ("random_page_cost", -0.5, "random_page_cost -0.5 is below 0", CHANGE),
        ("log_file_mode", "0999", "log_file_mode '0999' is above 511", CHANGE),
        ("ssl", "maybe", "ssl 'maybe' is neither on nor off", CHANGE),
        ("log_statement", "some", "log_statement 'some' is none of none, ddl, mod, all", CHANGE),
        ("log_statement", "on", "log_statement 'on' is none of none, ddl, mod, all", CHANGE),
        ("wal_level", True, "wal_level True is none of minimal, replica, logical", CHANGE),
    ],
)
def test_each_problem_in_words(name: str, value: object, problem: str, hint: str) -> None:
    assert found(**{name: value}) == [(problem, hint)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auto_explain.log_min_duration", "1s"),  # its extension may be loaded later
        ("work_mem", None),
        ("xyzzy", None),
        ("Work_Mem", "64MB"),
        ("checkpoint_timeout", 30),
        ("checkpoint_timeout", "1d"),
        ("shared_buffers", "128kB"),
        ("log_file_mode", "0777"),
        ("log_min_duration_statement", -1),
        ("synchronous_commit", "yes"),
        ("synchronous_commit", "0"),
        ("ssl_min_protocol_version", "tlsv1.3"),
        ("wal_compression", True),
    ],
)
def test_what_postgresql_takes_is_no_finding(name: str, value: object) -> None:
    assert found(**{name: value}) == []


def test_a_name_in_capitals_is_judged_by_its_parameter() -> None:
    assert found(WORK_MEM="1kB")[0][0] == "WORK_MEM '1kB' is below 64 (kB)"


def test_all_problems_are_named_at_once() -> None:
    assert len(found(max_conections=1, work_mem="7XB", shared_buffers="1kB")) == 3


@pytest.mark.parametrize(
    ("declared", "reserved"),
    [
        ({"max_connections": 25, "superuser_reserved_connections": 20, "reserved_connections": 5}, 25),
        ({"max_connections": 200, "reserved_connections": 195}, 200),
        ({"max_connections": None, "reserved_connections": 95}, 100),  # Patroni's own 100 connections
    ],
)
def test_no_connection_left_is_a_finding(declared: dict[str, int], reserved: int) -> None:
    connections = declared["max_connections"] or 100
    assert found(**declared) == [
        (f"max_connections {connections} leaves no connection beside the {reserved} reserved ones", CHANGE)
    ]


def test_one_connection_left_is_enough() -> None:
    assert found(max_connections=200, reserved_connections=194) == []


def test_before_postgresql_16_nothing_is_reserved_for_others() -> None:
    older = {name: known for name, known in CATALOG.items() if name != "reserved_connections"}
    assert found(catalog=older, max_connections=25, superuser_reserved_connections=24) == []
    assert found(catalog=older, max_connections=25, superuser_reserved_connections=25)[0][0] == (
        "max_connections 25 leaves no connection beside the 25 reserved ones"
    )


@pytest.mark.parametrize(("members", "enough"), [(2, 3), (3, 4), (9, 10)])
def test_each_standby_a_clone_and_a_backup_have_a_wal_sender(members: int, enough: int) -> None:
    assert found(members, max_wal_senders=enough) == []
    assert found(members, max_wal_senders=enough - 1) == [
        (
            f"max_wal_senders {enough - 1} is too few for {members - 1} standbys, a clone and a backup: {enough}",
            CHANGE,
        )
    ]


def test_wal_senders_that_nobody_declares_are_patroni_s_ten() -> None:
    assert found(9) == []
    assert found(10)[0][0] == "max_wal_senders 10 is too few for 9 standbys, a clone and a backup: 11"


def test_what_contradicts_is_judged_only_when_each_value_can_be_read() -> None:
    said = [one for one, _ in found(max_connections="5XB", superuser_reserved_connections=300)]
    assert said == ["max_connections '5XB' has the unit XB, and takes none"]
