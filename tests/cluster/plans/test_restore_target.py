"""To which moment a restore goes: as it is named, and as PostgreSQL is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import ConfigError
from cluster.measures import lsn_bytes
from cluster.plans.restore.target import Target, asked_target, recovery_settings, target_from


def test_a_time_is_kept_in_utc_whatever_its_offset() -> None:
    target = asked_target({"time": "2026-11-21T14:30:00+01:00"})
    assert (target.kind, target.value) == ("time", "2026-11-21 13:30:00+00:00")
    assert target.epoch == 1795267800


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({}, "no restore target was given"),
        ({"time": "yesterday"}, "'yesterday' is no time"),
        ({"time": "2026-11-21 14:30:00"}, "does not say in which time zone"),
        ({"lsn": "16B374D848"}, "is no position in the WAL"),
        ({"lsn": "0/0; drop"}, "is no position in the WAL"),
        ({"time": "2026-11-21T14:30:00Z", "name": "a"}, "time and name name two moments"),
        ({"latest": True, "lsn": "0/1"}, "latest and lsn name two moments"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(words: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked_target(words)
    assert problem in str(refused.value) and "\nHINT: " in str(refused.value)


@pytest.mark.parametrize("words", [{"latest": True}, {"name": "a"}, {"set": "20261121-010002F"}])
def test_just_before_means_something_for_a_time_and_a_position_alone(words: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="exclusive means nothing"):
        asked_target(words, exclusive=True)
    assert asked_target({"lsn": "0/1"}, exclusive=True).exclusive


def test_a_backup_alone_is_its_end_and_with_a_moment_the_beginning() -> None:
    assert asked_target({"set": "L"}).kind == "set"
    both = asked_target({"set": "L", "name": "a"})
    assert (both.kind, both.label) == ("name", "L")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"latest": True}, {}),
        ({"set": "L"}, {"recovery_target": "immediate"}),
        ({"time": "2026-11-21T14:30:00Z"}, {"recovery_target_time": "2026-11-21 14:30:00+00:00"}),
        ({"lsn": "a/1f"}, {"recovery_target_lsn": "A/1F"}),
        ({"name": "before it"}, {"recovery_target_name": "before it"}),
    ],
)
def test_postgresql_is_told_of_one_target_and_of_a_timeline_that_is_no_guess(
    words: dict[str, object], told: dict[str, str]
) -> None:
    settings = recovery_settings(asked_target(words), 7)
    fixed = {
        "recovery_target_inclusive": "on",
        "recovery_target_timeline": "7",
        "recovery_target_action": "promote",
    }
    assert settings == {**told, **fixed}


KINDS = st.sampled_from(["latest", "time", "lsn", "name", "set"])


@given(st.builds(Target, KINDS, st.text(), st.text(), st.integers(0, 9), st.booleans()))
def test_what_is_kept_on_the_hosts_is_the_same_target(target: Target) -> None:
    assert target_from({**target.as_dict(), "member": "pg1"}) == target


@given(st.integers(0, 2**64 - 1))
def test_positions_count_bytes(position: int) -> None:
    assert lsn_bytes(f"{position >> 32:X}/{position & 0xFFFFFFFF:X}") == position


@pytest.mark.parametrize("text", ["2026-11-25", "2026-11-25 14:30", "2026-11-25T14:30:00"])
def test_the_example_of_a_refusal_is_itself_a_moment(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked_target({"time": text})
    example = str(refused.value).rpartition("e.g. ")[2].removesuffix(".")
    assert asked_target({"time": example}).value.startswith("2026-11-25 ")
