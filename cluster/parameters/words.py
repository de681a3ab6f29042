"""What single parameters take beyond their type, as PostgreSQL checks it: lists of words, gaps in a range."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# Of each word as many times as one likes, with commas between. The check hooks of src/backend say so.
_LISTS: Mapping[str, tuple[str, ...]] = {
    "log_destination": ("stderr", "csvlog", "jsonlog", "syslog"),
    "createrole_self_grant": ("set", "inherit"),
    "debug_io_direct": ("data", "wal", "wal_init"),
    "restrict_nonsystem_relation_kind": ("view", "foreign-table"),
    "log_connections": ("receipt", "authentication", "authorization", "setup_durations", "all"),
}
# From PostgreSQL 18 on a list, and still what it was before.
_TRUTHS = {"log_connections": ("on", "true", "yes", "1", "off", "false", "no", "0")}

_LOCALES = ("lc_messages", "lc_monetary", "lc_numeric", "lc_time")

_ORDERS = {"dmy": "DMY", "mdy": "MDY", "us": "MDY", "ymd": "YMD"}
_STYLES = {"iso": "ISO", "sql": "SQL", "german": "German"}
# These it knows by how they begin.
_BEGINNINGS = {"postgres": "Postgres", "euro": "DMY", "noneuro": "MDY"}

_SLRU_BUFFERS = (
    *("commit_timestamp_buffers", "multixact_member_buffers", "multixact_offset_buffers", "notify_buffers"),
    *("serializable_buffers", "subtransaction_buffers", "transaction_buffers"),
)
_SLRU_BANK = 16
# In MB: two segments of WAL, which initdb makes of 16 MB. A server does not start with less.
_TWO_SEGMENTS = 32
_LEAST_RING_KB = 128


def text_problems(name: str, text: str) -> Iterator[str]:
    """Why a text is not taken by a parameter that knows words. + name: in lower case"""
    words = [word.strip().strip('"').lower() for word in text.split(",")] if text.strip() else []
    if name == "datestyle":
        yield from _date_problems(words)
    if name in _LOCALES and not re.fullmatch(r"[A-Za-z0-9_.@-]{0,63}", text):
        yield "is no name of a locale"
    known = _LISTS.get(name, ())
    wrong = [word for word in words if known and word not in known and [word] not in _alone(name)]
    if wrong:
        yield f"has the word {wrong[0]!r}, and takes {', '.join(known)}"


def _alone(name: str) -> list[list[str]]:
    return [[word] for word in _TRUTHS.get(name, ())]


def _date_problems(words: list[str]) -> Iterator[str]:
    found = [(word, _date_part(word)) for word in words if word != "default"]
    wrong = next((word for word, part in found if part is None), None)
    orders = {part for _, part in found if part in _ORDERS.values()}
    styles = {part for _, part in found if part is not None} - orders
    if wrong is not None:
        yield f"has the word {wrong!r}, and takes ISO, Postgres, SQL or German, and DMY, MDY or YMD"
    elif len(orders) > 1 or len(styles) > 1:
        yield "contradicts itself"


def _date_part(word: str) -> str | None:
    begun = (part for beginning, part in _BEGINNINGS.items() if word.startswith(beginning))
    return _STYLES.get(word) or _ORDERS.get(word) or next(begun, None)


def shown_date_style(text: str) -> str | None:
    """
    ``DateStyle`` as PostgreSQL shows it, e.g. ``ISO, DMY``; None where that hangs on what it was before.

    + text: as it is declared
    """
    parts = [_date_part(word.strip().strip('"').lower()) for word in text.split(",")]
    orders = [part for part in parts if part in _ORDERS.values()]
    styles = [part for part in parts if part is not None and part not in orders]
    if styles and styles[-1] == "German" and not orders:
        orders = ["DMY"]
    return f"{styles[-1]}, {orders[-1]}" if styles and orders else None


def number_problems(name: str, meant: float) -> Iterator[str]:
    """Why a number within its range is not taken all the same. + name: in lower case; + meant: in its own unit"""
    if name in _SLRU_BUFFERS and meant % _SLRU_BANK:
        yield f"is no multiple of {_SLRU_BANK}"
    if name in ("min_wal_size", "max_wal_size") and meant < _TWO_SEGMENTS:
        yield f"is below {_TWO_SEGMENTS} (MB), two segments of WAL, without which PostgreSQL does not start"
    if name == "vacuum_buffer_usage_limit" and 0 < meant < _LEAST_RING_KB:
        yield f"is neither 0 nor at least {_LEAST_RING_KB} (kB)"


def truth_problems(name: str, meant: str) -> Iterator[str]:
    """Why a truth is not taken. + name: in lower case; + meant: ``on`` or ``off``"""
    if name == "bonjour" and meant == "on":
        yield "is not in Debian's builds of PostgreSQL"


def octal_problem(text: str) -> str | None:
    """Why a whole number that begins with 0 is none: it is octal to PostgreSQL, as in C. + text: as it is declared"""
    wrong = re.fullmatch(r"\s*[+-]?0[0-9]*[89][0-9]*\s*[A-Za-z]*\s*", text)
    return "begins with 0 and has an 8 or a 9: it is octal to PostgreSQL" if wrong else None
