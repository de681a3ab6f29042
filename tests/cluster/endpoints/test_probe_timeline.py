"""What a probe saw in steps of time: nothing is lost by it, and a gap is where it was."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.endpoints.probe import Attempt, Outcome, longest_gap
from cluster.endpoints.probe_timeline import (
    MOST_STEPS,
    PRIMARY,
    STANDBY,
    STOPPED,
    UNREACHED,
    binned,
    gap_of,
    spans_of,
    state_of,
    timeline,
)

moments = st.lists(st.floats(0, 60), max_size=50)


@given(moments, st.floats(1, 60))
def test_every_moment_of_the_measurement_is_in_one_step(listed: list[float], seconds: float) -> None:
    assert sum(binned(listed, seconds, 0.1)) == sum(1 for one in listed if one <= seconds)


@given(moments, st.floats(1, 60))
def test_the_gap_is_as_long_as_the_verdict_says(listed: list[float], seconds: float) -> None:
    begin, end = gap_of(listed, seconds)
    assert 0 <= begin <= end <= seconds
    assert end - begin == pytest.approx(longest_gap(listed, 0, seconds))


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"role": "primary", "state": "running"}, PRIMARY),
        ({"role": "master", "state": "running"}, PRIMARY),
        ({"role": "replica", "state": "streaming"}, STANDBY),
        ({"role": "replica", "state": "running"}, STANDBY),
        ({"role": "primary", "state": "stopping"}, STOPPED),
        ({"role": "replica", "state": "starting"}, STOPPED),
        ({}, STOPPED),
        (None, UNREACHED),
    ],
)
def test_what_a_member_is_by_what_its_patroni_says(said: dict[str, str] | None, state: str) -> None:
    assert state_of(said) == state


def test_a_role_lasts_until_another_one_is_seen() -> None:
    seen = [(-0.2, STANDBY), (0.1, STANDBY), (2.0, UNREACHED), (2.3, UNREACHED), (5.0, PRIMARY)]
    assert spans_of(seen, 10.0) == [(0.0, 2.0, STANDBY), (2.0, 5.0, UNREACHED), (5.0, 10.0, PRIMARY)]


@given(st.lists(st.tuples(st.floats(-1, 12), st.sampled_from([PRIMARY, STANDBY, UNREACHED])), min_size=1, max_size=20))
def test_roles_fill_the_measurement_without_a_hole(seen: list[tuple[float, str]]) -> None:
    found = spans_of(sorted(seen, key=lambda one: one[0]), 10.0)
    assert all(first[1] == second[0] for first, second in pairwise(found))
    assert not found or found[-1][1] == 10.0


def test_a_long_measurement_has_no_more_steps_than_a_picture_shows() -> None:
    attempts = [
        Attempt((0, n), Outcome.REFUSED if 100 <= n < 200 else Outcome.ACKNOWLEDGED, 50.0 + n, 50.0 + n)
        for n in range(1, 3600)
    ]
    found = timeline(1000.0, 50.0, 3650.0, attempts, [[51.0, 52.0], [51.0]])
    assert len(found.counts["acknowledged"]) == MOST_STEPS
    assert (sum(found.counts["acknowledged"]), sum(found.counts["refused"])) == (3499, 100)
    assert found.gaps["writes"] == (99.0, 200.0)
    assert found.gaps["reads"] == (1.0, 3600.0)
