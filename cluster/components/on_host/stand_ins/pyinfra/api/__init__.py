"""See the package."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FactBase(Generic[T]):
    """A fact."""

    @staticmethod
    def default() -> Any:
        """What it is where its command prints nothing."""
        return None
