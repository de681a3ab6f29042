"""Times of a timer, as systemd reads them. https://www.freedesktop.org/software/systemd/man/latest/systemd.time.html"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = (
    *("minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "semi-annually"),
    *("yearly", "annually", "biannually", "bi-annually"),
)
_DAYS = {
    name: number
    for number, day in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
    for name in (day, day[:3])
}
_AREAS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific"
_ZONE = re.compile(rf"(?i:UTC)|(?:{_AREAS})(?:/[A-Za-z0-9_+-]+){{1,2}}")
_NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,6})?"
_ITEM = re.compile(rf"\*|({_NUMBER})(?:\.\.({_NUMBER}))?(?:/({_NUMBER}))?")

# The least and the most of each part.
_YEAR, _MONTH, _DAY = (1970, 2199), (1, 12), (1, 31)
_FROM_END = (1, 28)
_HOUR, _MINUTE = (0, 23), (0, 59)


def calendar_problem(text: str) -> str | None:
    """Why systemd would not take a time for a timer, or None."""
    words = text.split()
    if len(words) > 1 and _ZONE.fullmatch(words[-1]):
        words.pop()
    if len(words) == 1 and (words[0].lower() in _WORDS or re.fullmatch(r"@[0-9]{1,10}", words[0])):
        return None
    return None if words and _is_calendar(words) else "is no time; take what `systemd-analyze calendar` accepts"


def _is_calendar(words: list[str]) -> bool:
    rest = words[1:] if _are_weekdays(words[0]) else words
    if rest and ":" in rest[-1]:
        return _is_time(rest[-1]) and (len(rest) == 1 or (len(rest) == 2 and _is_date(rest[0])))
    return not rest or (len(rest) == 1 and _is_date(rest[0]))


def _are_weekdays(text: str) -> bool:
    ranges = [re.split(r"\.\.|-", one) for one in text.lower().removesuffix(",").split(",")]
    return all(
        len(days) <= 2 and all(day in _DAYS for day in days) and _DAYS[days[0]] <= _DAYS[days[-1]] for days in ranges
    )


def _is_date(text: str) -> bool:
    # After a tilde the day counts from the month's end, and so does a step.
    front, tilde, last = text.rpartition("~")
    if "/" in last and tilde:
        last, _, step = last.partition("/")
        if not (last.isdecimal() and step.isdecimal() and 0 < int(step) < int(last)):
            return False
    parts = [*front.split("-"), last] if tilde else text.split("-")
    return len(parts) in (2, 3) and _are_within(parts, (_YEAR, _MONTH, _FROM_END if tilde else _DAY)[-len(parts) :])


def _is_time(text: str) -> bool:
    parts = text.split(":")
    return len(parts) in (2, 3) and _are_within(parts, (_HOUR, _MINUTE, _MINUTE)[: len(parts)])


def _are_within(parts: Sequence[str], limits: Sequence[tuple[int, int]]) -> bool:
    return all(
        _is_item(item, least, most, fractions=place == 2 and most == _MINUTE[1])
        for place, (part, (least, most)) in enumerate(zip(parts, limits, strict=True))
        for item in part.split(",")
    )


def _is_item(text: str, least: int, most: int, *, fractions: bool) -> bool:
    """One of the values of a part: a number, a range or all of them; the first two with a step or without."""
    found = _ITEM.fullmatch(text)
    if found is None or (not fractions and re.search(r"[0-9]\.[0-9]", text)):
        return False
    if text == "*":
        return True
    first, last, step = (float(one) if one is not None else None for one in found.groups())
    first = _whole_year(first or 0.0) if least == _YEAR[0] else first or 0.0
    last = first if last is None else _whole_year(last) if least == _YEAR[0] else last
    fits = least <= first <= last < most + 1
    return fits and (step is None or (step > 0 and first + step < most + 1))


def _whole_year(year: float) -> float:
    # As systemd does: 69 is 2069, and 70 is 1970.
    return year + (2000 if year < 70 else 1900) if year < 100 else year
