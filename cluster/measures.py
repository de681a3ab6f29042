"""How full a file system is, and from when on that matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEARLY_FULL_PERCENT, FULL_PERCENT = 85, 95

# A segment of WAL that does not compress. A repository with less room can neither archive nor take a backup.
LEAST_MIB = 16


def used_percent(room: Mapping[str, Any]) -> float:
    """How much of a file system cannot be used any more. + room: of ``HostPicture``"""
    return 100 * (1 - float(room["free_mib"]) / max(1.0, float(room["total_mib"])))
