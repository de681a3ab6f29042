"""How a host's answer becomes a fact: garbled text ends the host's part of the run with a sentence, not a traceback."""

from __future__ import annotations

from typing import TypeVar

from pyinfra.api import FactBase
from pyinfra.api.exceptions import FactProcessError

T = TypeVar("T")


class Answer(FactBase[T]):
    """A fact whose lines are read by ``parsed``; what that cannot read is no fact, and never an empty one."""

    def process(self, output: list[str]) -> T:
        """pyinfra's entry: any other exception than its own would end the run for all hosts with a traceback."""
        try:
            return self.parsed(output)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise FactProcessError(f"the host's answer to {type(self).__name__} cannot be read: {error!r}") from error

    def parsed(self, output: list[str]) -> T:
        """The fact in the lines that the host printed. + output: without the line ends"""
        raise FactProcessError(f"{type(self).__name__} does not say how its answer is read")
