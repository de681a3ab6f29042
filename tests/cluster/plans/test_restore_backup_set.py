"""With which backup a restore begins: never with one from which no WAL leads to the moment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.plans.restore.backup_set import chosen_set, on_timeline, set_obstacle
from cluster.plans.restore.target import Target, asked_target

NOON = 1795262400  # 2026-11-21 12:00:00 UTC


def backup(label: str, stopped_at: int, *, timeline: int = 1, lsn_stop: int = 0) -> Any:
    end = f"{timeline:08X}0000000000000001"
    return {"label": label, "stopped_at": stopped_at, "wal_stop": end, "lsn_stop": lsn_stop, "type": "full"}


FIRST, SECOND = backup("one", NOON, lsn_stop=100), backup("two", NOON + 3600, lsn_stop=200)


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ({"latest": True}, "two"),
        ({"time": "2026-11-21T12:30:00Z"}, "one"),
        ({"time": "2026-11-21T13:30:00Z"}, "two"),
        ({"lsn": "0/C7"}, "one"),
        ({"lsn": "0/C8"}, "two"),
        ({"set": "one"}, "one"),
        ({"set": "one", "latest": True}, "one"),
    ],
)
def test_the_newest_that_ended_before_the_moment(words: dict[str, object], label: str) -> None:
    target = asked_target(words)
    assert set_obstacle([FIRST, SECOND], [FIRST, SECOND], target) is None
    chosen = chosen_set([FIRST, SECOND], target)
    assert chosen is not None and chosen["label"] == label


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"time": "2026-11-21T12:00:00Z"}, "is before the end of the first backup one, which was complete at"),
        ({"lsn": "0/1"}, "is before the end of the first backup one"),
        ({"time": "2026-11-21T12:30:00Z", "set": "two"}, "is before the end of the backup two"),
        ({"set": "none"}, "the backup none is not in the repository"),
        ({"name": "somewhere"}, "there are 2 backups, and none says whether somewhere was made before it"),
    ],
)
def test_what_no_backup_serves_is_refused_with_a_way_out(words: dict[str, object], problem: str) -> None:
    said = str(set_obstacle([FIRST, SECOND], [FIRST, SECOND], asked_target(words)))
    assert said is not None and problem in said and "\nHINT: " in said


def test_a_name_needs_no_backup_named_where_there_is_only_one() -> None:
    assert set_obstacle([FIRST], [FIRST], asked_target({"name": "somewhere"})) is None


def test_a_backup_of_a_time_that_was_given_up_is_left_out() -> None:
    """Timeline 1 was left at 150: what was backed up on it later belongs to nobody's past."""
    given_up, after = backup("two", NOON + 3600, lsn_stop=200), backup("new", NOON + 7200, timeline=3, lsn_stop=180)
    listed = on_timeline([after, given_up, FIRST], {1: 150, 2: 160}, 3)
    assert [one["label"] for one in listed] == ["one", "new"]
    said = str(set_obstacle(listed, [FIRST, given_up, after], asked_target({"set": "two"})))
    assert said is not None and said.startswith("the backup two belongs to another timeline\nHINT: there are one (")


def test_a_timeline_that_was_given_up_can_be_named() -> None:
    given_up, after = backup("two", NOON + 3600, lsn_stop=200), backup("new", NOON + 7200, timeline=4, lsn_stop=180)
    assert [one["label"] for one in on_timeline([FIRST, given_up, after], {1: 150, 3: 160}, 1)] == ["one", "two"]
    beside = backup("beside", NOON + 60, timeline=2, lsn_stop=170)
    assert [one["label"] for one in on_timeline([FIRST, beside, after], {1: 150, 3: 160}, 2)] == ["one", "beside"]


def test_where_nobody_knows_the_history_postgresql_has_the_last_word() -> None:
    other = backup("other", NOON, timeline=2)
    assert on_timeline([FIRST, other, backup("later", NOON, timeline=5)], None, 4) == [FIRST, other]


HISTORY = st.lists(st.integers(1, 40), min_size=0, max_size=5).map(sorted)


@given(HISTORY, st.lists(st.tuples(st.integers(1, 6), st.integers(1, 40)), max_size=12))
def test_wal_leads_from_every_listed_backup_to_the_timeline(left: list[int], taken: list[tuple[int, int]]) -> None:
    """Followed as PostgreSQL does: from the backup's end up each timeline to where it was left."""
    turns = dict(enumerate(left, 1))
    last = len(left) + 1
    backups = [backup(f"b{n}", n, timeline=timeline, lsn_stop=lsn) for n, (timeline, lsn) in enumerate(taken)]
    for one in on_timeline(backups, turns, last):
        timeline, position = int(one["wal_stop"][:8], 16), one["lsn_stop"]
        while timeline != last:
            assert position <= turns[timeline]
            timeline, position = timeline + 1, turns[timeline]


def test_an_empty_repository_has_nothing() -> None:
    said = str(set_obstacle([], [], Target("latest")))
    assert said is not None and said.startswith("no backup leads to this timeline\nHINT: ")
