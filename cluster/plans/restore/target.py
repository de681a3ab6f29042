"""The target of a restore: as the operator gives it, and as PostgreSQL's recovery settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.errors import ConfigError
from cluster.measures import lsn_bytes

KINDS = ("latest", "time", "lsn", "name", "set")
WAYS = "--data latest=true, time=..., lsn=..., name=... or set=LABEL"


@dataclass(frozen=True)
class Target:
    """
    A moment in the life of a cluster. https://www.postgresql.org/docs/current/runtime-config-wal.html

    + kind: latest, time, lsn, name, or set: the end of a backup
    + value: a time in UTC, a position in the WAL, or the name of a restore point; empty otherwise
    + label: the backup to begin with; empty: the newest that serves
    + timeline: the one to stay on; 0: the one that the cluster is on
    + exclusive: end just before the moment, not just after it
    """

    kind: str
    value: str = ""
    label: str = ""
    timeline: int = 0
    exclusive: bool = False

    def __str__(self) -> str:
        words = {
            "latest": "the end of the archive",
            "time": f"{self.value}",
            "lsn": f"the position {self.value} in the WAL",
            "name": f"the restore point {self.value}",
            "set": f"the end of the backup {self.label}",
        }
        return ("just before " if self.exclusive else "") + words[self.kind]

    @property
    def epoch(self) -> float:
        """A time's seconds since the epoch."""
        return datetime.fromisoformat(self.value).timestamp()

    @property
    def position(self) -> int:
        """A position's bytes since the beginning of the WAL."""
        return lsn_bytes(self.value)

    def as_dict(self) -> dict[str, Any]:
        """As it is kept on the hosts."""
        return asdict(self)


def target_from(kept: Mapping[str, Any]) -> Target:
    """A target as ``as_dict`` kept it."""
    return Target(**{name: kept[name] for name in ("kind", "value", "label", "timeline", "exclusive")})


def asked_target(given: Mapping[str, Any], timeline: int = 0, *, exclusive: bool = False) -> Target:
    """
    The target that the command line names. Refuses none, two, and one that cannot be read.

    + given: ``latest``, ``time``, ``lsn``, ``name``, ``set``; absent ones are None or False
    """
    label = str(given.get("set") or "")
    named = [kind for kind in KINDS[:-1] if given.get(kind)]
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)} name two moments\nHINT: give one of {WAYS}.")
    if not named and not label:
        raise ConfigError(f"no restore target was given\nHINT: give {WAYS}; see docs/runs/restore.md.")
    kind = named[0] if named else "set"
    value = _READERS[kind](given[kind]) if kind in _READERS else ""
    if exclusive and kind not in ("time", "lsn"):
        raise ConfigError(f"exclusive means nothing for {kind}\nHINT: it goes with time or lsn.")
    return Target(kind, value, label, timeline, exclusive)


def _time(text: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ConfigError(
            f"time: {text!r} is no time\nHINT: write it as 2026-11-21T14:30:00+00:00, with its offset from UTC."
        ) from None
    if moment.tzinfo is None:
        # A day alone takes no offset: with its time it does.
        example = moment.replace(tzinfo=UTC).isoformat()
        raise ConfigError(
            f"time: {text} does not say in which time zone\nHINT: add the offset from UTC, e.g. {example}."
        )
    return moment.astimezone(UTC).isoformat(" ")


def _lsn(text: Any) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", str(text)):
        raise ConfigError(f"lsn: {text!r} is no position in the WAL\nHINT: write it as 16/B374D848.")
    return str(text).upper()


_READERS: dict[str, Callable[[Any], str]] = {"time": _time, "lsn": _lsn, "name": str}


def recovery_settings(target: Target, timeline: int) -> dict[str, str]:
    """
    What PostgreSQL is told for the recovery: one target at the most, for it refuses two, even an empty second one.

    + timeline: the one to stay on. Never "latest": that may be one which an earlier restore began and gave up
    """
    names = {"time": "recovery_target_time", "lsn": "recovery_target_lsn", "name": "recovery_target_name"}
    ends = {"set": {"recovery_target": "immediate"}, "latest": {}}
    return {
        **(ends[target.kind] if target.kind in ends else {names[target.kind]: target.value}),
        "recovery_target_inclusive": "off" if target.exclusive else "on",
        "recovery_target_timeline": str(timeline),
        "recovery_target_action": "promote",
    }
