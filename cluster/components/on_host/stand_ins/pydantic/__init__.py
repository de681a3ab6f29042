"""
What takes pydantic's place on hosts, whose own may be another major version. The settings come there as the control
machine has validated them, so nothing is validated here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

ConfigDict = dict


class ValidationInfo:
    """Named in signatures of validators, which are not called here."""


class ValidationError(Exception):
    """Not raised here."""


class BaseModel:
    """A bag of values. + values: by the names of the fields; a field without one has its default"""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__


def Field(default: Any = None, **limits: Any) -> Any:
    """A field. + limits: its range and its meaning, of which nothing is needed here"""
    return default


def field_validator(*names: str, **words: Any) -> Callable[[T], T]:
    """A rule of a field."""
    return lambda rule: rule


model_validator = field_validator
