"""Declared parameters: each is taken by its PostgreSQL, or refused by a sentence, before any host is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.patroni_dynamic import parameters
from cluster.declared.model import Cluster
from cluster.declared.tuning import Resources
from cluster.findings import findings_table
from cluster.inventory.clusters import declared_clusters
from cluster.parameters.catalogue import catalogue
from tests.cluster.preflight_hosts import host
from tests.hostile.parameters import ACCEPTED, REFUSED, edges

VERSIONS = (15, 16, 17, 18)


def declared(version: int = 17, members: int = 3, **given_ones: Any) -> tuple[dict[str, Cluster], str]:
    """The clusters of hosts that declare these parameters, and the table of what is wrong with them."""
    settings = {"postgres_version": version, "postgres_parameters": given_ones}
    hosts = [host(f"pg{n}", cluster_address=f"10.0.0.{n}", **settings) for n in range(1, members + 1)]
    clusters, findings = declared_clusters(hosts, {})
    # All hosts say the same, and so do their findings.
    assert all(one.what == "postgres_parameters" and one.hint for one in findings), findings
    return clusters, " ".join(findings_table(list(dict.fromkeys(findings))).split()) if findings else ""


@pytest.mark.parametrize(("name", "value", "word"), REFUSED)
def test_what_postgresql_or_patroni_would_not_take_is_refused_with_its_reason(name: str, value: Any, word: str) -> None:
    said = declared(**{name: value})[1]
    assert word in said


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_postgresql_takes_is_accepted_in_every_spelling(name: str) -> None:
    assert declared(**{name: ACCEPTED[name]})[1] == ""


def test_all_that_is_accepted_goes_together() -> None:
    assert declared(**ACCEPTED)[1] == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_edges_of_every_parameter_are_accepted(version: int) -> None:
    rounds = list(edges(version))
    assert len(rounds) > 5 and all(len(one) > 200 for one in rounds)
    # A server for itself would start with that; three members and their clients need more of some.
    needed = ("wal_keep_size", "max_wal_senders", "max_connections", "max_worker_processes", "max_replication_slots")
    ours = {*needed, "wal_level", "max_locks_per_transaction", "superuser_reserved_connections", "reserved_connections"}
    for one in rounds:
        assert declared(version, **{name: value for name, value in one.items() if name not in ours})[1] == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_step_beyond_every_edge_is_refused(version: int) -> None:
    numbers = {
        name: known
        for name, known in catalogue(version).items()
        if known["type"] == "integer" and known["context"] != "internal" and known["most"] is not None
    }
    assert len(numbers) > 100
    beyond = {name: int(known["most"] or 0) + 1 for name, known in numbers.items()}
    said = declared(version, **beyond)[1]
    assert [name for name in beyond if name not in said] == []


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [("io_method", 18, 17), ("old_snapshot_threshold", 16, 17), ("reserved_connections", 16, 15)],
)
def test_a_parameter_of_another_major_version_is_told_so(name: str, there: int, absent: int) -> None:
    value = catalogue(there)[name]["setting"]
    assert declared(there, **{name: value})[1] == ""
    assert f"is no parameter of PostgreSQL {absent}, but of" in declared(absent, **{name: value})[1]


def test_log_connections_is_a_truth_and_then_a_list() -> None:
    assert declared(17, log_connections="on")[1] == ""
    assert "neither on nor off" in declared(17, log_connections="receipt")[1]
    for value in ("receipt,authentication", "all", "on", True, ""):
        assert declared(18, log_connections=value)[1] == ""
    assert "has the word 'sometimes'" in declared(18, log_connections="sometimes")[1]


def test_a_statement_is_not_counted_twice() -> None:
    said = declared(log_statement_stats=True, log_parser_stats="yes")[1]
    assert "log_statement_stats True does not go with log_parser_stats" in said


def test_a_truth_that_is_cut_short_reaches_patroni_whole() -> None:
    """Patroni drops what it does not know, and knows less than PostgreSQL."""
    clusters, said = declared(autovacuum="of", jit="T", track_io_timing=True, log_statement="DDL")
    made = parameters(clusters["main"], [Resources(4096, 4, 100_000)])
    assert said == ""
    assert {name: made[name] for name in ("autovacuum", "jit", "track_io_timing", "log_statement")} == {
        "autovacuum": "off",
        "jit": "on",
        "track_io_timing": "on",
        "log_statement": "DDL",
    }


@given(
    st.sampled_from(sorted(catalogue(17))),
    st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.none()),
)
def test_any_value_is_judged_without_an_exception(name: str, value: Any) -> None:
    declared_clusters([host("pg1", cluster_address="10.0.0.1", postgres_parameters={name: value})], {})
