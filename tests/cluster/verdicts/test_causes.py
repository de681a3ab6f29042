"""Why PostgreSQL does not start or follow: its own words, the run that fixes them, and when no wait does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.observed.cause import SeenCause
from cluster.verdicts.causes import Cause, cause_in, stuck_text

PREFIX = "2026-11-26 06:17:03.861 UTC [2954] "
MEMORY = "could not map anonymous shared memory: Cannot allocate memory"
GONE = "ERROR:  requested WAL segment 000000010000000000000003 has already been removed"
REPLICATION = 'could not connect to the primary server: connection to server at "10.0.0.1", port 5432 failed: FATAL:  '


def seen(*lines: tuple[float, str], running: bool = False) -> SeenCause:
    """+ lines: age and text, the newest first"""
    return {"running": running, "said": [{"age": age, "text": PREFIX + text} for age, text in lines]}


def fatal(words: str, *ages: float, running: bool = False) -> SeenCause:
    return seen(*((age, f"FATAL:  {words}") for age in ages), running=running)


def test_the_newest_end_is_the_cause() -> None:
    said = cause_in(seen((1, f"FATAL:  {MEMORY}"), (300, "FATAL:  something that was fixed")))
    assert said is not None and said.words == MEMORY
    assert str(said) == f"its PostgreSQL ended with: {MEMORY}"


@pytest.mark.parametrize(
    "words, way",
    [
        (MEMORY, "`pyinfra inventory.py deploys/configure.py`"),
        ('could not access file "no_such_library": No such file or directory', "postgres_parameters"),
        ("could not load /var/lib/postgresql/17/main/pg_hba.conf", "correct postgres_hba"),
        ('could not load private key file "/etc/postgresql/pki/postgres.key": key values mismatch', "cluster.py`"),
        ('could not write to file "pg_wal/xlogtemp.7": No space left on device', "make room"),
    ],
)
def test_each_end_names_what_mends_it(words: str, way: str) -> None:
    said = cause_in(fatal(words, 1))
    assert said is not None and way in said.way


@pytest.mark.parametrize(
    "words, way",
    [
        (
            f'{REPLICATION}no pg_hba.conf entry for replication connection from host "10.9.9.9", user "replicator"',
            "it comes from 10.9.9.9, ",
        ),
        (
            f'{REPLICATION}pg_hba.conf rejects replication connection for host "10.9.9.9", user "replicator"',
            "it comes from 10.9.9.9, ",
        ),
        (REPLICATION + "SSL error: certificate verify failed", "deploys/cluster.py`"),
        (REPLICATION + 'password authentication failed for user "replicator"', "docs/secrets.md"),
        ("could not connect to the primary server: connection timed out", "reaches the others"),
        (
            f"could not receive data from WAL stream: {GONE}",
            "max_slot_wal_keep_size",
        ),
    ],
)
def test_one_that_runs_and_cannot_follow_says_why(words: str, way: str) -> None:
    said = cause_in(fatal(words, 1, running=True))
    assert said is not None and way in said.way
    assert str(said).startswith("its PostgreSQL says: could not ")


def test_a_copy_that_begins_again_names_the_setting() -> None:
    words = f"pg_basebackup: error: could not receive data from WAL stream: {GONE}"
    said = cause_in({"running": False, "said": [{"age": age, "text": words} for age in (1, 40, 80)]}, seconds=90)
    assert said is not None and said.certain and "max_slot_wal_keep_size" in said.way
    assert str(said).startswith("its copy ended with: pg_basebackup: error: ")


@pytest.mark.parametrize(
    "words",
    [
        "the database system is shutting down",
        "terminating walreceiver process due to administrator command",
        'no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", SSL encryption',
        'password authentication failed for user "app"',
        'role "nobody" does not exist',
    ],
)
@pytest.mark.parametrize("running", [True, False])
def test_sessions_and_orders_are_no_cause(words: str, running: bool) -> None:
    assert cause_in(fatal(words, 1, running=running)) is None


def test_a_server_that_runs_did_not_end() -> None:
    """What it ended with before it was fixed is behind it."""
    assert cause_in(fatal(MEMORY, 30, running=True)) is None


def test_where_the_end_says_nothing_the_line_before_does() -> None:
    said = cause_in(
        seen(
            (1, "FATAL:  could not load /var/lib/postgresql/17/main/pg_hba.conf"),
            (1, 'LOG:  invalid authentication method "nonsense"'),
        )
    )
    assert said is not None
    assert said.words.endswith('/main/pg_hba.conf: invalid authentication method "nonsense"')


@pytest.mark.parametrize(
    "ages, waited, certain",
    [
        ((1, 11, 21), 30, True),
        ((1, 11), 30, False),
        ((1, 2, 3), 30, False),  # an election of a moment
        ((1, 11, 21), 15, False),  # two of them are of before
    ],
)
def test_the_same_end_again_and_again_is_certain(ages: tuple[float, ...], waited: float, certain: bool) -> None:
    said = cause_in(fatal(MEMORY, *ages), waited)
    assert said is not None and said.certain is certain


def test_a_primary_that_may_come_back_is_waited_for() -> None:
    refused = fatal(f"{REPLICATION}the database system is starting up", 1, 11, 21, running=True)
    said = cause_in(refused, 30)
    assert said is not None and not said.certain


@given(st.lists(st.tuples(st.floats(0, 600), st.text(max_size=60))), st.booleans(), st.floats(0, 600))
def test_whatever_a_log_says_is_read(lines: list[tuple[float, str]], running: bool, waited: float) -> None:
    said = cause_in(seen(*lines, running=running), waited)
    assert said is None or (said.words and said.way)


def test_the_refusal_quotes_it_and_names_the_run() -> None:
    cause = Cause("the words", "do this")
    assert stuck_text("h1 does not lead", "h1", cause) == (
        "h1 does not lead; its PostgreSQL ended with: the words\n"
        "HINT: the last lines of h1 stand above; do this; then run this again."
    )
    assert stuck_text("h1 does not lead", "h2", cause, "h2").startswith(
        "h1 does not lead; h2's PostgreSQL ended with: "
    )
    assert stuck_text("h1 does not lead", "h1", None).endswith("stand above; fix what they name and run again.")
