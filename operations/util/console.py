"""What a run prints: progress and changes, not a line for every host on which nothing was to be done."""

from __future__ import annotations

import logging
import re

from pyinfra import logger, state

_IDLE = re.compile(r"^(\x1b\[[0-9;]*m)*\[.*\].*?(No changes|Skipped|Ready: \S+)(\x1b\[[0-9;]*m)*\s*$")


class _OnlyWhatHappened(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Drop "[host] No changes": with four hosts they are most of the lines. ``-v`` shows them."""
        return state.print_noop_info or not _IDLE.match(record.getMessage())


def quiet_the_idle_lines() -> None:
    """Install the filter once, however many hosts run the deploy file."""
    if not any(isinstance(item, _OnlyWhatHappened) for item in logger.filters):
        logger.addFilter(_OnlyWhatHappened())
