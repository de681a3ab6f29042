"""Versions of Debian packages: which one is newer, and what of them the authors of the software chose."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"\d*")
_OTHERS = re.compile(r"\D*")


def upstream(version: str) -> str:
    """The version that the software's authors gave, e.g. ``17.11`` of ``17.11-0+deb13u1``."""
    return _parts(version)[1].partition("+")[0]


def compare(left: str, right: str) -> int:
    """Below, equal or above zero as the left version is older than, the same as or newer than the right, for dpkg."""
    for one, other in zip(_parts(left), _parts(right), strict=True):
        if order := _compare_part(one, other):
            return order
    return 0


def is_older(left: str, right: str) -> bool:
    """Whether the left version is older than the right."""
    return compare(left, right) < 0


def _parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    body, dash, revision = rest.rpartition("-")
    return (epoch, body, revision) if dash else (epoch, rest, "")


def _compare_part(left: str, right: str) -> int:
    # Letters and digits in turn, see "Sorting algorithm" in deb-version(7).
    while left or right:
        one, left = _split(_OTHERS, left)
        other, right = _split(_OTHERS, right)
        if weights := _compare_weights(one, other):
            return weights
        one, left = _split(_DIGITS, left)
        other, right = _split(_DIGITS, right)
        if difference := int(one or 0) - int(other or 0):
            return difference
    return 0


def _split(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.match(text)
    end = found.end() if found else 0
    return text[:end], text[end:]


def _compare_weights(left: str, right: str) -> int:
    one, other = [_weight(c) for c in left] + [0], [_weight(c) for c in right] + [0]
    return (one > other) - (one < other)


def _weight(character: str) -> int:
    # A tilde sorts before the end of the part, letters before everything else.
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
