"""What a run prints: progress and changes, not a line for every host on which nothing was to be done."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from pyinfra import logger, state

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IDLE = re.compile(r"\s*\[\S+\]\s+(No changes|Skipped|Ready: \S+)\s*")


class _OnlyWhatHappened(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop "[host] No changes": with four hosts they are most of the lines. ``-v`` shows them."""
        return state.print_noop_info or not _IDLE.fullmatch(COLOUR.sub("", record.getMessage()))


def quiet_the_idle_lines() -> None:
    """Install the filter once, however many hosts run the deploy file."""
    # A host that hangs is named by the preflight; paramiko would print a traceback of its thread besides.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    if not any(isinstance(item, _OnlyWhatHappened) for item in logger.filters):
        logger.addFilter(_OnlyWhatHappened())


def print_lines(lines: Iterable[str]) -> None:
    """Print without a host's name in front: what is said is about all of them."""
    for line in ["", *lines, ""]:
        logger.info(f"    {line}" if line else "")
