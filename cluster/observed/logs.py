"""What a host has in its logs."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class SeenLogLine(TypedDict):
    """
    One line.

    + at: by the host's clock, in seconds since 1970; + unit: of systemd, or the file
    + text: as it is; + priority: of syslog, where the journal has it, 3 is an error and 4 a warning
    """

    at: float
    unit: str
    text: str
    priority: NotRequired[int]


class SeenLogs(TypedDict):
    """
    The newest lines of a span.

    + clock: the host's, when it was asked; + lines: in no order
    + counts: how many lines of each source came; + unread: sources that could not be read
    """

    clock: float
    lines: list[SeenLogLine]
    counts: dict[str, int]
    unread: list[str]
