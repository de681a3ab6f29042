"""Why a run does not act: what every plan returns, and the one refusal that shows all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.errors import UnsafeError

UNTOUCHED = "nothing was changed"


@dataclass(frozen=True)
class Obstacle:
    """
    One reason why a run does not act.

    + reason: lower case, with the value in it, no full stop
    + hint: the way out, with a command where there is one, no full stop
    """

    reason: str
    hint: str

    def __str__(self) -> str:
        """As a refusal of its own."""
        return f"{self.reason}\nHINT: {self.hint}."


def refuse(what: str, obstacles: Iterable[Obstacle], *, untouched: bool = True) -> None:
    """
    Refuse to act while there is an obstacle. Shows all of them; does nothing without one.

    + what: is not done, e.g. ``main is not stopped now``
    + untouched: say that nothing was changed, which is true only before the first step
    """
    if listed := list(dict.fromkeys(obstacles)):
        raise UnsafeError(refusal_text(what, listed, untouched=untouched))


def refusal_text(what: str, obstacles: Sequence[Obstacle], *, untouched: bool = True) -> str:
    """All obstacles as one refusal. + what, untouched: as ``refuse`` has them"""
    end = f"; {UNTOUCHED}" if untouched else ""
    if len(obstacles) == 1:
        return f"{what}: {obstacles[0].reason}\nHINT: {obstacles[0].hint}{end}."
    listed = "".join(f"\n  {one.reason}\n    HINT: {one.hint}." for one in obstacles)
    return f"{what}, for {len(obstacles)} reasons{end}:{listed}"
