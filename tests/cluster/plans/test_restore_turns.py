"""A moment that was lived twice, on both sides of an earlier restore, is never guessed."""

from __future__ import annotations

import json

import pytest

from cluster.plans.restore.target import asked_target
from cluster.plans.restore.turns import timelines_obstacle
from tests.cluster.preflight_hosts import a_cluster

PROMOTED = [1, 1000, "no recovery target specified", "2026-11-20T10:00:00+00:00", "pg1"]
RESTORED = [2, 5000, "before 2026-11-21 12:00:00.5+00", "2026-11-21T14:00:00+00:00", "pg2"]
BY_NAME = [2, 5000, 'at restore point "migration"', "2026-11-21T14:00:00+00:00", "pg2"]


def obstacle(turns: list[list[object]], timeline: int = 0, **moment: str) -> str | None:
    keys = {"/service/main/history": json.dumps(turns)}
    found = timelines_obstacle(a_cluster(), keys, asked_target(moment, timeline), 3)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    "moment, twice",
    [
        ("2026-11-21T11:00:00+00:00", False),  # before what was given up
        ("2026-11-21T13:00:00+00:00", True),
        ("2026-11-21T15:00:00+00:00", False),  # after the restore
        ("2026-11-20T09:59:00+00:00", False),  # a failover is no second life
    ],
)
def test_a_time_between_the_moment_of_a_restore_and_the_restore_itself(moment: str, twice: bool) -> None:
    said = obstacle([PROMOTED, RESTORED], time=moment)
    assert (said is not None) is twice
    assert obstacle([PROMOTED, RESTORED], timeline=2, time=moment) is None


def test_both_answers_are_named() -> None:
    assert obstacle([RESTORED], time="2026-11-21T13:00:00+00:00") == (
        "2026-11-21 13:00:00+00:00 is on two timelines: on 2, which a restore left, and on 3, which goes on from "
        "there\nHINT: --data timeline=2 is for the data as they were then, --data timeline=3 for those from which the "
        "cluster of today came."
    )


def test_a_position_beyond_the_turn() -> None:
    assert obstacle([RESTORED], lsn="0/1000") is None
    assert "is on two timelines" in str(obstacle([RESTORED], lsn="0/2000"))
    assert obstacle([PROMOTED], lsn="0/2000") is None


def test_where_nobody_says_when_the_turn_was_any_earlier_time_may_be_meant() -> None:
    assert "is on two timelines" in str(obstacle([BY_NAME], time="2026-11-21T11:00:00+00:00"))
    assert obstacle([BY_NAME], time="2026-11-21T14:30:00+00:00") is None


@pytest.mark.parametrize("turns", [[], [[2, 5000]], [[2, 5000, ""]]])
def test_a_history_without_reasons_stops_nobody(turns: list[list[object]]) -> None:
    assert obstacle(turns, time="2026-11-21T13:00:00+00:00") is None
