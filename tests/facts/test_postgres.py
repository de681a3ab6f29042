"""Roles and databases, as psql prints them."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.postgres import PostgresObjects

HERE = Path(__file__).parent

TestPostgresObjects = make_fact_tests("facts", "postgres.PostgresObjects", HERE / "postgres.PostgresObjects")


@pytest.mark.parametrize("output", [["psql: error: connection refused"], ["{"]])
def test_garbage_is_refused(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="psql's answer cannot be read"):
        PostgresObjects().process(output)


def test_no_verifier_leaves_the_host() -> None:
    command = PostgresObjects().command(port=5432)
    assert "sha256(rolpassword::bytea)" in command
    assert "split_part(rolpassword" in command
