"""How far a member's WAL goes: of one that runs, one that was stopped, and a host without PostgreSQL."""

import base64

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.postgres_end import WalEnd

CONTROL = """\
pg_control version number:            1700
Database cluster state:               shut down
pg_control last modified:             Sat Nov 21 22:55:02 2026
Latest checkpoint location:           1/B0000028
Latest checkpoint's REDO location:    1/B0000028
Latest checkpoint's TimeLineID:       2
"""


def line(name: str, code: int, text: str) -> str:
    return f"{name}|{code}|{base64.b64encode(text.encode()).decode()}"


def test_a_primary_a_standby_and_what_they_warn_of() -> None:
    primary = WalEnd().process([line("sql", 0, "WARNING:  collation\n5000|"), line("control", 1, "")])
    nothing = {"replayed_at": "", "patroni": False, "state": "", "checkpoint": None}
    assert primary == {**nothing, "runs": True, "position": 5000}
    standby = WalEnd().process([line("sql", 0, "4000|2026-11-21 14:30:07.48+00"), line("control", 1, "")])
    assert (standby["position"], standby["replayed_at"]) == (4000, "2026-11-21 14:30:07.48+00")


def test_one_that_was_stopped_says_how_far_it_wrote() -> None:
    seen = WalEnd().process([line("sql", 2, "psql: error: no server"), line("control", 0, CONTROL)])
    assert (seen["runs"], seen["position"]) == (False, None)
    assert (seen["state"], seen["checkpoint"]) == ("shut down", 0x1B0000028)


def test_a_host_without_postgresql_says_nothing() -> None:
    seen = WalEnd().process([line("sql", 1, "Patroni is not configured here"), "control|1|"])
    assert not any(seen.values())


@pytest.mark.parametrize(("word", "may_start_it"), [("active", True), ("activating", True), ("inactive", False)])
def test_a_patroni_that_is_up_may_start_it_at_any_moment(word: str, may_start_it: bool) -> None:
    seen = WalEnd().process([line("sql", 2, "no server"), line("unit", 0, word), line("control", 0, CONTROL)])
    assert seen["patroni"] is may_start_it


@pytest.mark.parametrize("output", [["sudo: a password is required"], [line("sql", 0, "1|")], []])
def test_half_an_answer_is_none(output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        WalEnd().process(output)
