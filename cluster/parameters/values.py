"""PostgreSQL's parameters: what a value means, whether it would be accepted, and who may set it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

# A standby must have these at least as high as its primary, or it stops replaying.
# https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
ORDERED = (
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
)

# What Patroni starts PostgreSQL with when the configuration does not say, and the least that it takes; below that it
# silently uses its own value. https://patroni.readthedocs.io/en/latest/patroni_configuration.html
CONTROLLED: Mapping[str, tuple[int, int]] = {
    "max_connections": (100, 25),
    "max_worker_processes": (8, 2),
    "max_wal_senders": (10, 3),
    "max_prepared_transactions": (0, 0),
    "max_locks_per_transaction": (64, 32),
    "max_replication_slots": (10, 4),
}

# The same of the one that is a size, in MB: below that Patroni runs with 128MB.
LEAST_WAL_KEPT = 16

# Patroni sets these itself, or takes them from each member's own file: in the configuration they say nothing.
PATRONIS = frozenset(
    {
        *("listen_addresses", "port", "cluster_name", "hot_standby", "data_directory", "config_file", "hba_file"),
        *("ident_file", "primary_conninfo", "primary_slot_name", "synchronous_standby_names", "recovery_target"),
        *("recovery_target_name", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn"),
    }
)

# What Patroni takes for wal_level; for anything else it silently uses the first.
_WAL_LEVELS = ("hot_standby", "replica", "logical")

# Each unit with its size, the smallest first.
_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
# A truth may be cut short as long as it is one of these alone: parse_bool() of src/backend/utils/adt/bool.c
_ON, _OFF = re.compile("on|1|t(r(ue?)?)?|y(es?)?"), re.compile("off?|0|f(a(l(se?)?)?)?|no?")
# An enum that knows on and off takes these for them, too, and never shows them.
_SPELLINGS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}


def same_value(declared: object, setting: str, kind: str, unit: str | None) -> bool:
    """
    Whether PostgreSQL means the same by a declared value and by a setting of its own.

    + declared: as in the configuration: ``"1GB"``, 131072, True
    + setting, kind, unit: as pg_settings has them: ``"131072"``, ``"integer"``, ``"8kB"``
    """
    try:
        return normal(declared, kind, unit) == normal(setting, kind, unit)
    except ValueError:
        return False


def normal(value: object, kind: str, unit: str | None = None) -> str | float:
    """
    A value as PostgreSQL keeps it: numbers in the parameter's own unit, words in lower case.
    https://www.postgresql.org/docs/current/config-setting.html

    + kind: pg_settings' vartype
    + unit: pg_settings' unit; None for a plain number
    Raises ValueError with the reason when PostgreSQL would not take it.
    """
    text = str(value)
    if kind == "bool":
        return _truth(text)
    if kind == "enum":
        return _SPELLINGS.get(text.lower(), text.lower())
    if kind == "integer":
        special = _octal_or_hex(text.strip(), unit)
        return float(round(_number(text.strip(), unit) if special is None else special))
    return _number(text.strip(), unit) if kind == "real" else text


def _truth(text: str) -> str:
    if _ON.fullmatch(text.lower()):
        return "on"
    if _OFF.fullmatch(text.lower()):
        return "off"
    raise ValueError("is neither on nor off")


def _octal_or_hex(text: str, unit: str | None) -> float | None:
    """An integer as C reads it: log_file_mode is octal. None for one that is neither."""
    found = re.fullmatch(r"([+-]?)(0[0-7]+|0[xX][0-9a-fA-F]+)\s*([A-Za-z]*)", text)
    if found is None:
        return None
    number = float(int(found[1] + found[2], 16 if found[2][1] in "xX" else 8))
    return _converted(number, found[3], unit) if found[3] else number


def _number(text: str, unit: str | None) -> float:
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)", text, re.ASCII)
    if found is None:
        raise ValueError("is no number")
    number, suffix = float(found[1]), found[2]
    meant = _converted(number, suffix, unit) if suffix else number
    if math.isinf(meant):
        raise ValueError("is too large a number")
    return meant


def _converted(number: float, suffix: str, unit: str | None) -> float:
    """A number of one unit in the parameter's own."""
    if unit is None:
        raise ValueError(f"has the unit {suffix}, and takes none")
    scale, word = _parted(unit)
    units = next((units for units in (_BYTES, _MICROSECONDS) if word in units), None)
    if units is None:
        raise ValueError(f"has the unit {suffix}, and is measured in {unit}")
    if suffix not in units:
        raise ValueError(f"has the unit {suffix}; it takes {', '.join(units)}")
    size = units[suffix]
    # A fraction is rounded to the next smaller unit first: convert_to_base_unit() of src/backend/utils/misc/guc.c
    less = [one for one in units.values() if one < size]
    if less and not number.is_integer() and not math.isinf(number):
        number, size = round(number * size / less[-1]), less[-1]
    return number * size / (scale * units[word])


def _parted(unit: str) -> tuple[int, str]:
    digits = re.match(r"\d*", unit)
    count = digits[0] if digits else ""
    return int(count or 1), unit[len(count) :]


def too_low(parameters: Mapping[str, object]) -> Iterable[str]:
    """What is wrong with declared parameters before any host is asked: a sentence each, beginning with the name."""
    for name, value in parameters.items():
        if name.lower() in CONTROLLED and value is not None:
            least = CONTROLLED[name.lower()][1]
            if not re.fullmatch(r"\d+", str(value), re.ASCII):
                yield f"{name} is '{value}', which is no whole number"
            elif int(str(value)) < least:
                yield f"{name} {value} is below {least}, where Patroni silently uses its own default"
        elif name.lower() == "wal_keep_size" and value is not None and _is_below(value, LEAST_WAL_KEPT):
            yield f"{name} {value} is below {LEAST_WAL_KEPT} (MB), where Patroni silently keeps 128MB"
        elif name.lower() == "wal_level" and value is not None and str(value).lower() not in _WAL_LEVELS:
            yield f"{name} {value} is too little for a standby, and Patroni silently uses its own default"


def _is_below(value: object, least: int) -> bool:
    """Whether a size in MB is; one that cannot be read is judged elsewhere."""
    try:
        return float(normal(value, "integer", "MB")) < least
    except ValueError:
        return False


def given_by_patroni(parameters: Mapping[str, Any], name: str) -> int:
    """
    One of the settings in ``CONTROLLED`` as Patroni gives it to PostgreSQL, which need not be what was written.

    + parameters: of the dynamic configuration, where somebody may have written anything by hand
    """
    default, least = CONTROLLED[name]
    text = str(parameters.get(name, default))
    return int(text) if re.fullmatch(r"\d+", text, re.ASCII) and int(text) >= least else default
