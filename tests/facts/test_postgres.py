"""Roles and databases, as psql prints them."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.postgres import FileErrors, PostgresCatalog, PostgresObjects
from facts.postgres.databases import PostgresStatistics

HERE = Path(__file__).parent

# The query is long and stands in the code.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")

TestPostgresObjects = make_fact_tests("facts", "postgres.PostgresObjects", HERE / "postgres.PostgresObjects")
TestPostgresCatalog = make_fact_tests("facts", "postgres.PostgresCatalog", HERE / "postgres.PostgresCatalog")


@pytest.mark.parametrize("output", [["psql: error: connection refused"], ["{"]])
def test_garbage_is_refused(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="psql's answer cannot be read"):
        PostgresObjects().process(output)


def test_no_verifier_leaves_the_host() -> None:
    command = PostgresObjects().command(port=5432)
    assert "sha256(rolpassword::bytea)" in command
    assert "split_part(rolpassword" in command


def test_a_catalog_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(FactProcessError, match="PostgresCatalog cannot be read"):
        PostgresCatalog().process(["psql: error: connection refused"])


# What a file that is being written says when it is read for the first time, and for the second.
HALF = """#!/bin/bash
[ -e "$0.asked" ] && echo "$SECOND" || echo '[{"file": "postgresql.conf", "line": 3, "name": "work_mem", "error": "x"}]'
touch "$0.asked"
"""


@pytest.mark.parametrize("second", ["[]", '[{"file": "pg_hba.conf", "line": 1, "name": null, "error": "y"}]'])
def test_what_is_wrong_with_a_file_is_wrong_when_it_is_read_again(tmp_path: Path, second: str) -> None:
    (tmp_path / "psql").write_text(HALF)
    (tmp_path / "runuser").write_text('#!/bin/bash\nshift 3\nexec "$@"\n')
    for name in ("psql", "runuser"):
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SECOND": second}
    done = subprocess.run(["sh", "-c", FileErrors().command()], env=environment, capture_output=True, text=True)
    assert FileErrors().process(done.stdout.splitlines()) == json.loads(second)


def test_parameters_are_known_by_their_names_in_lower_case() -> None:
    seen = PostgresCatalog().process(['{"TimeZone": {"context": "user"}, "DateStyle": {"context": "user"}}'])
    assert sorted(seen) == ["datestyle", "timezone"]


@pytest.mark.parametrize("libraries", ["pg_stat_statements", "pgaudit, pg_stat_statements", '"pg_stat_statements",a'])
def test_a_library_is_found_among_others(libraries: str) -> None:
    pattern = '(^|[ ,/])"?pg_stat_statements"?( *,|$)'
    assert pattern in PostgresStatistics().command()
    assert re.search(pattern, libraries) and not re.search(pattern, "my_pg_stat_statements,pg_stat_statements2")
