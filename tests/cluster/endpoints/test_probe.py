"""What a probe makes of its attempts, and how it says it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.endpoints.probe import (
    Attempt,
    Measured,
    Outcome,
    broken_promise,
    judge,
    longest_gap,
    report,
    verdict_lines,
)

ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome
CALM = Measured(acknowledged=412, refused=3, unknown=1, writes_gap_seconds=1.84, reads_gap_seconds=0.2)


def attempt(sequence, outcome=ACKNOWLEDGED, ended=0.0, reason=""):
    return Attempt((0, sequence), outcome, ended, ended, reason)


ATTEMPTS = st.lists(st.sampled_from(Outcome)).map(lambda outcomes: [attempt(n, one) for n, one in enumerate(outcomes)])


def test_counts_outcomes_and_reasons():
    attempts = [attempt(0), attempt(1, REFUSED, reason="25006"), attempt(2, UNKNOWN, reason="57P01")]
    said = report(attempts, 0.0, 1.0)
    assert (said.acknowledged, said.refused, said.unknown) == (1, 1, 1)
    assert said.reasons == {"25006": 1, "57P01": 1}


@pytest.mark.parametrize(
    ("moments", "gap"),
    [
        ([], 10.0),
        ([1.0, 2.0, 9.0], 7.0),
        ([9.0, 1.0, 2.0], 7.0),
        ([4.0], 6.0),
        ([8.0, 9.0], 8.0),
        ([-5.0, 4.0, 12.0], 6.0),
    ],
)
def test_longest_gap_counts_the_start_and_the_end_and_nothing_beyond(moments, gap):
    assert longest_gap(moments, 0.0, 10.0) == gap


@given(st.lists(st.floats(-5, 15)), st.floats(-5, 15))
def test_an_answer_more_never_makes_the_gap_longer(moments, another):
    assert 0 < longest_gap([*moments, another], 0.0, 10.0) <= longest_gap(moments, 0.0, 10.0) <= 10.0


def test_only_acknowledged_writes_end_a_gap():
    attempts = [attempt(0, REFUSED, 5.0), attempt(1, UNKNOWN, 5.0)]
    assert report(attempts, 0.0, 10.0).longest_gap_seconds == 10.0


@given(ATTEMPTS, st.data())
def test_the_verdict_is_clean_when_promises_were_kept_whatever_became_of_the_unknown(attempts, data):
    there = [one.value for one in attempts if one.outcome is ACKNOWLEDGED]
    unknown = [one.value for one in attempts if one.outcome is UNKNOWN]
    committed = data.draw(st.lists(st.sampled_from(unknown), unique=True)) if unknown else []
    assert judge(attempts, [*committed, *there]).is_clean


@given(ATTEMPTS, st.data())
def test_every_broken_promise_is_named(attempts, data):
    there = {one.value for one in attempts if one.outcome is ACKNOWLEDGED}
    refused = {one.value for one in attempts if one.outcome is REFUSED}
    lost, twice = (data.draw(st.sets(st.sampled_from(sorted(there))) if there else st.just(set())) for _ in range(2))
    back = data.draw(st.sets(st.sampled_from(sorted(refused))) if refused else st.just(set()))
    verdict = judge(attempts, [*(there - lost), *(twice - lost), *back])
    assert (verdict.lost, verdict.duplicated, verdict.resurrected) == (lost, twice - lost, back)


def test_the_verdict_is_one_sentence():
    assert verdict_lines(CALM) == [
        "writes interrupted 1.8 s, 0 acknowledged writes lost (412 acknowledged, 3 refused, 1 unknown); "
        "reads interrupted 0.2 s"
    ]


def test_nothing_is_said_of_reads_where_there_is_no_endpoint_for_them():
    (line,) = verdict_lines(replace(CALM, reads_gap_seconds=None))
    assert line.endswith("(412 acknowledged, 3 refused, 1 unknown)")


def test_says_where_it_was_measured_where_there_was_a_choice():
    assert verdict_lines(replace(CALM, through="measured at the virtual address 10.0.0.100"))[1:] == [
        "measured at the virtual address 10.0.0.100"
    ]


def test_says_what_is_left_behind():
    assert verdict_lines(replace(CALM, left="server closed the connection"))[1] == (
        "the database pyinfra_patroni_probe is still there, until the next probe: server closed the connection"
    )


def test_kept_promises_let_the_run_end_well():
    assert broken_promise(CALM) is None


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"lost": 2}, "the cluster broke its word to clients: 2 acknowledged writes lost"),
        ({"duplicated": 1}, "the cluster broke its word to clients: 0 acknowledged writes lost, 1 duplicated"),
        (
            {"lost": 1, "resurrected": 3},
            "the cluster broke its word to clients: 1 acknowledged writes lost, 3 refused but there",
        ),
        (
            {"unjudged": "connection refused"},
            "it is unknown whether the probe's 412 acknowledged writes are there: connection refused",
        ),
    ],
)
def test_broken_promises_do_not(found, sentence):
    said, _, hint = str(broken_promise(replace(CALM, **found))).partition("\nHINT: ")
    assert (said, hint.endswith(".")) == (sentence, True)


def test_what_nobody_looked_for_is_not_called_kept():
    (line,) = verdict_lines(replace(CALM, unjudged="connection refused"))
    assert line.startswith("writes interrupted 1.8 s, acknowledged writes not looked for (412")
