"""What a declared value of PostgreSQL's means: the same as PostgreSQL makes of it, or a reason why it takes it not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.parameters.values import CONTROLLED, ORDERED, given_by_patroni, normal, same_value, too_low

BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}


# --- Numbers ---


@pytest.mark.parametrize(
    ("declared", "unit", "meant"),
    [
        ("1GB", "8kB", 131072),
        ("128MB", "8kB", 16384),
        ("16kB", "8kB", 2),
        (16384, "8kB", 16384),
        ("16384", "8kB", 16384),
        ("1.5GB", "MB", 1536),
        ("  64 MB ", "kB", 65536),
        ("1TB", "MB", 1048576),
        ("8192B", "kB", 8),
        ("2GB", "16MB", 128),
        ("5min", "s", 300),
        ("1d", "min", 1440),
        ("2h", "ms", 7_200_000),
        ("1500us", "ms", 2),  # 1.5, to the even one as rint() has it
        (-1, "ms", -1),
        ("+7", None, 7),
        (".5e1", None, 5),
        ("1e3", None, 1000),
        ("2.5", None, 2),
        ("3.5", None, 4),
    ],
)
def test_an_integer_is_told_in_the_parameter_s_own_unit(declared: object, unit: str | None, meant: int) -> None:
    assert normal(declared, "integer", unit) == meant


@pytest.mark.parametrize(
    ("declared", "unit", "meant"),
    [("30.1GB", "kB", 30822 * 1024), ("0.3GB", "8kB", 307 * 128), ("0.1d", "s", 7200), ("1.0001kB", "B", 1024)],
)
def test_a_fraction_is_rounded_to_the_next_smaller_unit_first(declared: str, unit: str, meant: int) -> None:
    """As PostgreSQL does; else a restart would seem to be pending for ever."""
    assert normal(declared, "integer", unit) == meant


@pytest.mark.parametrize(
    ("declared", "meant"), [("0640", 0o640), ("0777", 511), ("00", 0), ("0x1F", 31), ("0XfF", 255), ("0", 0)]
)
def test_integers_are_octal_and_hexadecimal_as_in_c(declared: str, meant: int) -> None:
    assert normal(declared, "integer") == meant


def test_a_real_number_is_never_octal() -> None:
    assert normal("010", "real") == 10
    assert normal("010.5", "real") == 10.5


@pytest.mark.parametrize(
    ("declared", "unit", "meant"), [("1.1", None, 1.1), (4, None, 4.0), ("2ms", "ms", 2.0), ("500us", "ms", 0.5)]
)
def test_a_real_number_keeps_its_fraction(declared: object, unit: str | None, meant: float) -> None:
    assert normal(declared, "real", unit) == pytest.approx(meant)


@pytest.mark.parametrize(
    ("declared", "unit", "reason"),
    [
        ("7XB", "kB", "has the unit XB; it takes B, kB, MB, GB, TB"),
        ("7mb", "kB", "has the unit mb; it takes B, kB, MB, GB, TB"),
        ("7s", "8kB", "has the unit s; it takes B, kB, MB, GB, TB"),
        ("7MB", "s", "has the unit MB; it takes us, ms, s, min, h, d"),
        ("7MB", None, "has the unit MB, and takes none"),
        ("7MB", "pages", "has the unit MB, and is measured in pages"),
        ("many", None, "is no number"),
        ("", "kB", "is no number"),
        ("1,5", None, "is no number"),
        (True, None, "is no number"),
        ([1], None, "is no number"),
        ("٣", None, "is no number"),
        ("1e400", None, "is too large a number"),
        ("-1e400MB", "kB", "is too large a number"),
        ("1e308TB", "B", "is too large a number"),
    ],
)
def test_what_postgresql_would_not_take_is_refused_with_the_reason(
    declared: object, unit: str | None, reason: str
) -> None:
    with pytest.raises(ValueError) as refused:
        normal(declared, "integer", unit)
    assert str(refused.value) == reason


@given(st.integers(0, 10**6), st.sampled_from(sorted(BYTES)), st.sampled_from(["B", "kB", "8kB", "MB", "16MB"]))
def test_sizes_are_those_of_plain_arithmetic(number: int, suffix: str, unit: str) -> None:
    scale = int(unit.rstrip("BkM") or 1) * BYTES[unit.lstrip("0123456789")]
    assert normal(f"{number}{suffix}", "integer", unit) == round(number * BYTES[suffix] / scale)


@given(st.integers(0, 10**6), st.sampled_from(sorted(SECONDS)), st.sampled_from(["ms", "s", "min"]))
def test_times_are_those_of_plain_arithmetic(number: int, suffix: str, unit: str) -> None:
    meant = normal(f"{number} {suffix}", "real", unit)
    assert meant == pytest.approx(number * SECONDS[suffix] / SECONDS[unit])


@settings(max_examples=300)
@given(st.floats(0, 1e6), st.sampled_from(sorted(BYTES)), st.sampled_from(["B", "kB", "8kB", "MB"]))
def test_a_fraction_is_at_most_half_of_the_next_smaller_unit_away(number: float, suffix: str, unit: str) -> None:
    base = int(unit.rstrip("BkM") or 1) * BYTES[unit.lstrip("0123456789")]
    smaller = max([size for size in BYTES.values() if size < BYTES[suffix]], default=1)
    meant = normal(repr(number) + suffix, "integer", unit)
    assert isinstance(meant, float)
    assert abs(meant * base - number * BYTES[suffix]) <= smaller / 2 + base / 2 + 1


@settings(max_examples=500)
@given(
    st.text() | st.integers() | st.floats() | st.booleans() | st.none(),
    st.sampled_from(["integer", "real", "bool", "enum", "string"]),
    st.sampled_from([None, "8kB", "ms", "pages"]),
)
def test_whatever_is_declared_it_is_a_value_or_a_reason(value: object, kind: str, unit: str | None) -> None:
    try:
        meant = normal(value, kind, unit)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(meant, str) or math.isfinite(meant)


# --- Words ---


@pytest.mark.parametrize("word", ["on", "ON", "true", "True", "yes", "y", "t", "1", 1, True])
def test_on_has_many_spellings(word: object) -> None:
    assert normal(word, "bool") == "on"


@pytest.mark.parametrize("word", ["off", "Off", "false", "no", "n", "f", "0", 0, False])
def test_off_has_many_spellings(word: object) -> None:
    assert normal(word, "bool") == "off"


@pytest.mark.parametrize("word", ["", "o", "enabled", "2", "none"])
def test_no_other_word_is_a_truth(word: str) -> None:
    with pytest.raises(ValueError) as refused:
        normal(word, "bool")
    assert str(refused.value) == "is neither on nor off"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("DDL", "ddl"), ("TLSv1.2", "tlsv1.2"), ("true", "on"), ("yes", "on"), (1, "on"), ("No", "off"), (False, "off")],
)
def test_an_enum_is_lower_case_and_knows_the_hidden_spellings_of_on_and_off(word: object, meant: str) -> None:
    assert normal(word, "enum") == meant


def test_text_is_left_as_it_is() -> None:
    assert normal(" %m [%p] ", "string") == " %m [%p] "
    assert normal(7, "string") == "7"


# --- The same in two spellings ---


@pytest.mark.parametrize(
    ("declared", "setting", "kind", "unit"),
    [
        ("1GB", "131072", "integer", "8kB"),
        ("1024MB", "131072", "integer", "8kB"),
        (200, "200", "integer", None),
        ("0640", "0640", "integer", None),
        (True, "on", "bool", None),
        ("yes", "on", "enum", None),
        ("1.10", "1.1", "real", None),
        ("pg_stat_statements", "pg_stat_statements", "string", None),
    ],
)
def test_what_postgresql_shows_and_what_is_declared_are_the_same(
    declared: object, setting: str, kind: str, unit: str | None
) -> None:
    assert same_value(declared, setting, kind, unit)


@pytest.mark.parametrize(
    ("declared", "setting", "kind", "unit"),
    [
        ("1GB", "131073", "integer", "8kB"),
        ("640", "0640", "integer", None),
        (False, "on", "bool", None),
        ("a", "A", "string", None),
        ("7XB", "7", "integer", "kB"),
        ("lots", "lots", "integer", None),
    ],
)
def test_what_differs_or_cannot_be_read_is_not_the_same(
    declared: object, setting: str, kind: str, unit: str | None
) -> None:
    assert not same_value(declared, setting, kind, unit)


@given(st.integers(16, 2**30), st.sampled_from([("kB", 8), ("B", 8192)]))
def test_a_size_is_the_same_in_any_unit_and_differs_by_one_block(blocks: int, spelling: tuple[str, int]) -> None:
    suffix, count = spelling
    assert same_value(f"{blocks * count}{suffix}", str(blocks), "integer", "8kB")
    assert not same_value(f"{blocks * count}{suffix}", str(blocks + 1), "integer", "8kB")


# --- Too low ---


def refusals(**parameters: object) -> list[str]:
    return list(too_low(parameters))


@pytest.mark.parametrize(("name", "default", "least"), [(name, *rule) for name, rule in CONTROLLED.items()])
def test_what_patroni_silently_replaces_is_refused(name: str, default: int, least: int) -> None:
    assert refusals(**{name: least}) == refusals(**{name: str(default)}) == refusals(**{name: None}) == []
    if least:
        assert refusals(**{name: least - 1}) == [
            f"{name} {least - 1} is below {least}, where Patroni silently uses its own default"
        ]


def test_a_count_is_a_whole_number() -> None:
    assert refusals(max_connections="many") == ["max_connections is 'many', which is no whole number"]
    assert refusals(max_connections=-1) == ["max_connections is '-1', which is no whole number"]
    assert refusals(MAX_CONNECTIONS="1e2") == ["MAX_CONNECTIONS is '1e2', which is no whole number"]


def test_a_wal_level_without_standbys_is_refused() -> None:
    """Patroni would use its own value without a word, and a restart would seem to be pending for ever."""
    said = "wal_level minimal is too little for a standby, and Patroni silently uses its own default"
    assert refusals(wal_level="minimal") == [said]
    assert refusals(wal_level="Logical") == refusals(wal_level=None) == []


def test_every_problem_is_named_and_nothing_else() -> None:
    assert len(refusals(max_wal_senders=0, max_connections=10, work_mem="7XB", ttl=1)) == 2


@pytest.mark.parametrize(
    ("written", "meant"), [(None, 100), (24, 100), (25, 25), ("300", 300), ("many", 100), (-5, 100), (True, 100)]
)
def test_patroni_gives_its_own_value_for_one_that_it_does_not_take(written: object, meant: int) -> None:
    parameters = {} if written is None else {"max_connections": written}
    assert given_by_patroni(parameters, "max_connections") == meant


def test_each_of_the_ordered_five_has_a_default() -> None:
    assert set(ORDERED) <= set(CONTROLLED)
