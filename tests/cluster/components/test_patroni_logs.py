"""PostgreSQL's log as declared: parameters that a reload is enough for, and bounds that fit together."""

from __future__ import annotations

import pytest

from cluster.components.patroni_dynamic import parameters
from cluster.components.patroni_logs.component import log_parameters, logs_component
from cluster.declared.tuning import Resources
from cluster.parameters.catalogue import catalogue
from cluster.settings.settings import Settings
from tests.world.hosts import fake_cluster

HOST = Resources(16000, 8, 200_000)
# Set from the first version on; it is the one that a reload does not change.
FORMER = {"logging_collector"}


@pytest.mark.parametrize("version", [15, 16, 17, 18])
def test_a_change_of_the_log_restarts_nothing(version: int) -> None:
    known = catalogue(version)
    contexts = {name: known[name]["context"] for name in log_parameters(Settings())}
    assert {name for name, context in contexts.items() if context == "postmaster"} == FORMER


def test_the_settings_make_the_parameters() -> None:
    usual = log_parameters(Settings())
    assert (usual["log_connections"], usual["log_disconnections"], usual["log_destination"]) == ("on", "on", "stderr")
    assert (usual["log_temp_files"], usual["log_autovacuum_min_duration"]) == (10240, 10_000)
    assert usual["log_min_duration_statement"] == 1000
    quiet = log_parameters(
        Settings(
            postgres_log_connections=False,
            postgres_log_statement_ms=None,
            postgres_log_temp_files_mib=None,
            postgres_log_autovacuum_ms=None,
            postgres_log_json=True,
        )
    )
    names = ("log_temp_files", "log_autovacuum_min_duration", "log_min_duration_statement")
    assert [quiet[name] for name in names] == [-1, -1, -1]
    assert (quiet["log_connections"], quiet["log_destination"]) == ("off", "stderr,jsonlog")
    assert log_parameters(Settings(postgres_log_temp_files_mib=0))["log_temp_files"] == 0


def test_what_people_declare_by_its_own_name_counts_more() -> None:
    cluster = fake_cluster(postgres_parameters={"log_connections": False, "log_line_prefix": "%m "})
    found = parameters(cluster, [HOST])
    assert (found["log_connections"], found["log_line_prefix"]) == ("off", "%m ")


@pytest.mark.parametrize(("mib", "file"), [(100, "10MB"), (500, "50MB"), (2048, "100MB"), (100_000, "100MB")])
def test_one_file_is_a_small_part_of_what_all_may_take(mib: int, file: str) -> None:
    assert log_parameters(Settings(postgres_log_mib=mib))["log_rotation_size"] == file


def test_the_timer_knows_the_bounds() -> None:
    cluster = fake_cluster(postgres_log_days=30, postgres_log_mib=500)
    assert (
        "ExecStart=/usr/local/bin/postgres-logs /var/log/postgresql 30 500\n"
        in logs_component(cluster).files[1].content
    )
