"""What pgBackRest says on the host of a repository, see the fact ``PgbackrestInfo``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.world.answers import line

KINDS = ("full", "diff", "incr")


def info(stanza: Mapping[str, Any], attempts: str | None = None) -> list[str]:
    """The answer about one stanza. + attempts: what ``attempts`` makes; None: no backup was ever tried"""
    tried = attempts if attempts is not None else "".join(attempt(kind) for kind in KINDS)
    return [line("info", json.dumps([stanza])), line("attempts", tried)]


def attempt(kind: str, state: str = "dead", result: str = "success", **other: str) -> str:
    """The unit of one kind of backup. + other: further lines of it"""
    said = {"kind": kind, "SubState": state, "Result": result, "words": "", **other}
    return "".join(f"{name}={value}\n" for name, value in said.items())


def status(code: int = 0, message: str = "ok") -> dict[str, Any]:
    """The status of a stanza, which nobody holds."""
    return {"code": code, "message": message, "lock": {"backup": {"held": False}}}
