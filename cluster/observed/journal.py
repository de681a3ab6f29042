"""What the hosts noted of runs."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class SeenEntry(TypedDict):
    """
    One line of a host's journal.

    + event: ``begin`` and ``end`` of a run, ``act`` before a command and ``done`` after it
    + run: its id; + at: by the control machine's clock
    + n: of an act, counted by its run; + exit: of a command or a run; + seconds: how long it took
    """

    event: str
    run: str
    at: NotRequired[str]
    n: NotRequired[int]
    exit: NotRequired[int]
    seconds: NotRequired[int]
    who: NotRequired[str]
    what: NotRequired[str]
    version: NotRequired[str]
    cluster: NotRequired[str]
    broke: NotRequired[str]
    operation: NotRequired[str]
    before: NotRequired[Any]
    after: NotRequired[Any]
    acts: NotRequired[int]
    why: NotRequired[str]


class SeenJournal(TypedDict):
    """A host's journal, the oldest line first. + unread: how many lines are no entries, as one that was cut off"""

    entries: list[SeenEntry]
    unread: int
