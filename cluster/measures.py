"""Sizes, positions in the WAL, versions and times: as numbers that can be compared, and as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MIB = 1024 * 1024

# initdb's own size, which nothing of ours changes.
SEGMENT_BYTES = 16 * MIB

NEARLY_FULL_PERCENT, FULL_PERCENT = 85, 95

# A segment of WAL that does not compress. A repository with less room can neither archive nor take a backup.
LEAST_MIB = 16


def used_percent(room: Mapping[str, Any]) -> float:
    """How much of a file system cannot be used any more. + room: of ``HostPicture``"""
    return 100 * (1 - float(room["free_mib"]) / max(1.0, float(room["total_mib"])))


def lsn_bytes(text: str) -> int:
    """A position in the WAL in bytes. + text: as PostgreSQL prints it, e.g. ``16/B374D848``"""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(position: int) -> str:
    """A position in the WAL as PostgreSQL prints it. + position: in bytes"""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def segment_start(segment: str) -> int:
    """The position at which a segment begins, in bytes. + segment: its name"""
    return (int(segment[8:16], 16) << 32) + int(segment[16:24], 16) * SEGMENT_BYTES


def version_of(text: str) -> tuple[int, ...]:
    """A version that can be compared. + text: of a Debian package, empty while it is not installed"""
    digits = text.split("-")[0].split("+")[0].split("~")[0]
    return tuple(int(part) for part in digits.split(".") if part.isdecimal())


def size_text(size: int) -> str:
    """A size for people. + size: in bytes"""
    if size < MIB:
        return f"{size / 1024:.0f} KiB"
    return f"{size / MIB / 1024:.1f} GiB" if size >= 10240 * MIB else f"{size / MIB:.1f} MiB"


def age_text(seconds: float) -> str:
    """How long ago something was, for people, in one unit. + seconds: below zero counts as none"""
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 72 * 3600 else f"{whole // 86400} days"


def duration_text(seconds: float) -> str:
    """How long something takes or took, for people, in two units. + seconds: below zero counts as none"""
    hours, rest = divmod(max(int(seconds), 0), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def moment_text(seconds: float) -> str:
    """A time for people. + seconds: since the epoch"""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
