"""How a setting is written down: one line with its default, its meaning with unit, and its range."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def setting(default: Any, meaning: str, *, per_host: bool = False, **limits: Any) -> Any:
    """One setting. + meaning: unit and reason; + per_host: may differ within a cluster; + limits: its range"""
    return Field(default, description=meaning, json_schema_extra={"per_host": per_host}, **limits)


def port(default: int, meaning: str) -> Any:
    """A TCP port that somebody listens on. + meaning: who listens, and for whom"""
    return setting(default, meaning, ge=1, le=65535)


class Strict(BaseModel):
    """No silent conversion: a port given as a string is a mistake somewhere else that should be seen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
