"""How often this run has begun or ended to change something anywhere: what was read before says nothing after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pyinfra.api import FileUploadCommand, FunctionCommand, RsyncCommand, StringCommand

# What an operation yields. Facts go to a host another way.
_CHANGING: tuple[type[Any], ...] = (StringCommand, FunctionCommand, FileUploadCommand, RsyncCommand)
_COUNTED = "counts_as_change"

_count = 0

# What is called instead of a command's own execution, with that as its first argument.
Watch = Callable[..., Any]
_watch: Watch | None = None


def watch_changes(watch: Watch | None) -> None:
    """Let every command that an operation yields be executed by ``watch``, or, without one, by itself again."""
    global _watch
    _watch = watch
    count_changes()


def changes() -> int:
    """The number so far; equal numbers at two moments mean that this run has changed nothing between them."""
    return _count


def changed() -> None:
    """Something is changed, or may have been, on whichever host."""
    global _count
    _count += 1


def count_changes() -> None:
    """Count from now on every command that an operation yields; once, however often it is called."""
    for kind in _CHANGING:
        execute = kind.execute
        if not hasattr(execute, _COUNTED):
            kind.execute = _counting(execute)


def _counting(execute: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(execute)
    def counting(*words: Any, **named: Any) -> Any:
        changed()  # at its beginning and at its end: what was read meanwhile may be of before
        try:
            return execute(*words, **named) if _watch is None else _watch(execute, *words, **named)
        finally:
            changed()

    setattr(counting, _COUNTED, True)
    return counting
