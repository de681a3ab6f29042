"""Files and units of a host, see the fact ``HostComponent``."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

DIRECTORY = "directory|700|root|root"


def paths(asked: Iterable[str], there: Collection[str], kind: str = DIRECTORY) -> list[str]:
    """Which of the paths that are asked for are there."""
    return [f"path|{one}|{kind}" if one in there else f"absent|{one}" for one in asked]


def file(path: str, content: str, owner: str = "644|root|root") -> list[str]:
    """A file with its digest. + owner: mode, user and group"""
    return [f"path|{path}|regular file|{owner}", f"{hashlib.sha256(content.encode()).hexdigest()}  {path}"]


def unit(name: str, *, active: bool, enabled: bool = True) -> list[str]:
    """A unit that is there."""
    states = (
        f"ActiveState={'active' if active else 'inactive'}",
        f"UnitFileState={'enabled' if enabled else 'disabled'}",
    )
    return [f"unit|{name}", "LoadState=loaded", *states]


def units(asked: Iterable[str], running: Collection[str], enabled: Collection[str] | None = None) -> list[str]:
    """Those that are asked for. + enabled: None: all of them"""
    each = (unit(one, active=one in running, enabled=enabled is None or one in enabled) for one in asked)
    return [text for lines in each for text in lines]
