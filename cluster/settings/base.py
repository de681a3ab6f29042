"""How a setting is written down: one line with its default, its meaning with unit, and its range."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cluster.settings.text_rules import first_problem


def setting(default: Any, meaning: str, *, per_host: bool = False, **limits: Any) -> Any:
    """One setting. + meaning: unit and reason; + per_host: may differ within a cluster; + limits: its range"""
    return Field(default, description=meaning, json_schema_extra={"per_host": per_host}, **limits)


# These may hold a blank at either end: PostgreSQL's log_line_prefix ends in one. A line of pg_hba has its own grammar.
WITH_BLANKS, WITH_GRAMMAR = ("postgres_parameters",), ("postgres_hba",)


# Beyond it not every whole number is a float, and those who read our files as JSON keep numbers as floats.
LARGEST = 2**53


def port(default: int, meaning: str) -> Any:
    """A TCP port that somebody listens on. + meaning: who listens, and for whom"""
    return setting(default, meaning, ge=1, le=65535)


class Strict(BaseModel):
    """No silent conversion: a port given as a string is a mistake somewhere else that should be seen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_kept(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return value
        refuse("is beyond every number that a setting takes" if abs(value) > LARGEST else None)
        return float(value) if cls.model_fields[str(info.field_name)].annotation is float else value

    @field_validator("*")
    @classmethod
    def _texts_are_plain(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name not in WITH_GRAMMAR:
            refuse(first_problem(value, blanks=info.field_name in WITH_BLANKS))
        return value


def refuse(problem: str | None) -> None:
    """Refuse a value where a rule found something wrong with it. + problem: the rule's sentence"""
    if problem is not None:
        raise ValueError(problem)
