"""When a host last judged itself."""

from __future__ import annotations

from facts.runs.findings import OwnJudgement


def test_a_host_that_has_judged_itself_says_when_and_how_it_ended() -> None:
    assert OwnJudgement().process(["now|500", "at|200", "Result|exit-code"]) == {
        "now": 500,
        "at": 200,
        "result": "exit-code",
    }


def test_one_that_never_has_is_no_error() -> None:
    assert OwnJudgement().process(["now|500", "Result|success"]) == {"now": 500, "at": None, "result": "success"}
