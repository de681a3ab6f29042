"""PostgreSQL's parameters: what a value means, whether it would be accepted, and who may set it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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

# Patroni sets these itself, or takes them from each member's own file.
OWNED = frozenset(
    {
        *("listen_addresses", "port", "cluster_name", "hot_standby", "data_directory", "config_file", "hba_file"),
        *("ident_file", "primary_conninfo", "primary_slot_name", "synchronous_standby_names", "recovery_target"),
        *("recovery_target_name", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn"),
    }
)

_BYTES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_ON, _OFF = ("on", "true", "yes", "1", "t", "y"), ("off", "false", "no", "0", "f", "n")


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
    text = str(value).strip()
    if kind == "bool":
        return _truth(text)
    if kind == "enum":
        return {"true": "on", "false": "off"}.get(text.lower(), text.lower())
    if kind in ("integer", "real"):
        number = _number(text, unit)
        return float(round(number)) if kind == "integer" else number
    return str(value)


def _truth(text: str) -> str:
    if text.lower() in _ON:
        return "on"
    if text.lower() in _OFF:
        return "off"
    raise ValueError("is neither on nor off")


def _number(text: str, unit: str | None) -> float:
    if re.fullmatch(r"0[0-7]+|0[xX][0-9a-fA-F]+", text):  # as C reads them: log_file_mode is octal
        return float(int(text, 16 if text[1] in "xX" else 8))
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)", text)
    if found is None:
        raise ValueError("is no number")
    number, suffix = float(found[1]), found[2]
    return number * _factor(suffix, unit) if suffix else number


def _factor(suffix: str, unit: str | None) -> float:
    """How many of the parameter's units one of the value's is."""
    if unit is None:
        raise ValueError(f"has the unit {suffix}, and takes none")
    scale, word = _parted(unit)
    for units in (_BYTES, _MICROSECONDS):
        if word in units:
            if suffix not in units:
                raise ValueError(f"has the unit {suffix}; it takes {', '.join(units)}")
            return units[suffix] / (scale * units[word])
    raise ValueError(f"has the unit {suffix}, and is measured in {unit}")


def _parted(unit: str) -> tuple[int, str]:
    digits = re.match(r"\d*", unit)
    count = digits[0] if digits else ""
    return int(count or 1), unit[len(count) :]


def owned_or_too_low(parameters: Mapping[str, object]) -> Iterable[str]:
    """What is wrong with declared parameters before any host is asked: a sentence each, beginning with the name."""
    for name, value in parameters.items():
        if name.lower() in OWNED:
            yield f"{name} is set by Patroni itself, or by another setting of this tool"
        elif name.lower() in CONTROLLED and value is not None:
            least = CONTROLLED[name.lower()][1]
            if not re.fullmatch(r"\d+", str(value)):
                yield f"{name} is '{value}', which is no whole number"
            elif int(str(value)) < least:
                yield f"{name} {value} is below {least}, where Patroni silently uses its own default"
