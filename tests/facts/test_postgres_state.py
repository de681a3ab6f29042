"""One member's PostgreSQL, recorded on real ones: as primary, as standby, and while it is down."""

from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.postgres.state import PostgresState
from tests.world.answers import line

# The script is long and stands in the code; what of it matters is asserted below.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")

TestPostgresState = make_fact_tests(
    "facts", "postgres.state.PostgresState", Path(__file__).parent / "postgres.state.PostgresState"
)


@pytest.mark.parametrize(
    "output",
    [
        ["sudo: a password is required"],
        [line("sql", "{}", 0)],
        [line("sql", "no JSON at all", 0), line("control", "", 1)],
        [line("sql", '{"version": 1', 0), line("control", "", 1)],
        [line("sql", "{}", 0), line("control", "Database system identifier: 1", 0)],
    ],
)
def test_garbage_is_refused(output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        PostgresState().process(output)


def test_a_warning_of_the_server_does_not_hide_its_answer() -> None:
    warning = 'WARNING:  database "postgres" has a collation version mismatch\nDETAIL:  it was made with 2.36'
    seen = PostgresState().process([line("sql", f'{warning}\n{{"version": 170012}}', 0), line("control", "", 1)])
    assert (seen["answers"], seen["version"], seen["control"]) == (True, 170012, None)


def test_needs_no_argument_and_no_password() -> None:
    command = PostgresState().command()
    assert "runuser -u postgres -- psql" in command
    assert "/etc/patroni/config.yml" in command
