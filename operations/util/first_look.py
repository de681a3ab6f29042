"""How a step begins with what the hosts said before, and decides nothing by that but that there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError

from operations.acts.component import Commands
from operations.util.console import lines_held_back
from operations.util.planning import dry_run
from operations.util.said import FirstLook, first_look

P = ParamSpec("P")


def looks_again(step: Callable[P, Commands]) -> Callable[P, Commands]:
    """
    A step that is begun anew, with live looks alone, as soon as it would do something or refuse by what was said
    before. What the first attempt has logged is then not printed.

    + step: the generator of an operation
    """

    @wraps(step)
    def looked(*words: P.args, **named: P.kwargs) -> Commands:
        with lines_held_back() as lines:
            commands = step(*words, **named)
            look, first, refusal = _begun(commands)
            if look.remembers and not dry_run() and (first or refusal):
                lines.clear()
                first, refusal, commands = None, None, step(*words, **named)
        if refusal is not None:
            raise refusal
        if first is not None:
            yield first
        yield from commands  # nothing more comes of one that is done

    return looked


def _begun(commands: Commands) -> tuple[FirstLook, PyinfraCommand | None, PyinfraError | None]:
    """The first command of a step, or its refusal, or neither; and what it has made use of."""
    with first_look() as look:
        try:
            return look, next(commands, None), None
        except PyinfraError as error:
            return look, None, error
