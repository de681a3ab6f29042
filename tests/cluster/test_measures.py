"""Sizes, positions in the WAL, versions and times, as numbers and as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.measures import (
    MIB,
    SEGMENT_BYTES,
    age_text,
    duration_text,
    lsn_bytes,
    lsn_text,
    moment_text,
    segment_start,
    size_text,
    version_of,
)


@given(st.integers(0, 2**64 - 1))
def test_a_position_is_the_same_in_both_forms(position: int) -> None:
    assert lsn_bytes(lsn_text(position)) == position


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**32 - 1))
def test_a_segment_begins_where_its_name_says(position: int, timeline: int) -> None:
    name = f"{timeline:08X}{position >> 32:08X}{(position & 0xFFFFFFFF) // SEGMENT_BYTES:08X}"
    assert segment_start(name) <= position < segment_start(name) + SEGMENT_BYTES


def test_a_position_reads_as_postgresql_prints_it() -> None:
    assert lsn_text((0x16 << 32) + 0xB374D848) == "16/B374D848"
    assert lsn_bytes("0/7000028") == 0x7000028


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (259199, "71 h"),
        (259200, "3 days"),
    ],
)
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 min 0 s"), (2700, "45 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_a_duration_has_two(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(2048, "2 KiB"), (100 * MIB, "100.0 MiB"), (10239 * MIB, "10239.0 MiB"), (10240 * MIB, "10.0 GiB")],
)
def test_a_size_has_the_unit_that_fits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_a_moment_is_in_utc() -> None:
    assert moment_text(0) == "1970-01-01 00:00:00 UTC"


def test_versions_compare_as_numbers() -> None:
    assert version_of("4.0.10-1.pgdg12+1") > version_of("4.0.9~rc1") > version_of("")
