"""What a run prints: progress and changes, not a line for every host on which nothing was to be done."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pyinfra import logger, state

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IDLE = re.compile(r"\s*\[\S+\]\s+(No changes|Skipped|Ready: \S+)\s*")


_held_back: ContextVar[list[logging.LogRecord] | None] = ContextVar("held back", default=None)


class _OnlyWhatHappened(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop "[host] No changes": with four hosts they are most of the lines. ``-v`` shows them."""
        if (held := _held_back.get()) is not None:
            held.append(record)
            return False
        return state.print_noop_info or not _IDLE.fullmatch(COLOUR.sub("", record.getMessage()))


def quiet_the_idle_lines() -> None:
    """Install the filter once, however many hosts run the deploy file."""
    # A host that hangs is named by the preflight; paramiko would print a traceback of its thread besides.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    if not any(isinstance(item, _OnlyWhatHappened) for item in logger.filters):
        logger.addFilter(_OnlyWhatHappened())


@contextmanager
def lines_held_back() -> Iterator[list[logging.LogRecord]]:
    """Keep what the host at hand logs to the end, and print then what is left of it."""
    held: list[logging.LogRecord] = []
    token = _held_back.set(held)
    try:
        yield held
    finally:
        _held_back.reset(token)
        for record in held:
            logger.handle(record)


def print_lines(lines: Iterable[str]) -> None:
    """Print without a host's name in front: what is said is about all of them."""
    for line in ["", *lines, ""]:
        logger.info(f"    {line}" if line else "")
