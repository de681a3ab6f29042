"""What a member's PostgreSQL, or the copy that it is to get, said last."""

from __future__ import annotations

from typing import TypedDict


class SeenWords(TypedDict):
    """One line of a log. + age: seconds ago, as far as its stamp tells, or the last change of its file"""

    age: float
    text: str


class SeenCause(TypedDict):
    """+ running: whether a PostgreSQL works in the data directory; + said: its complaints, the newest first"""

    running: bool
    said: list[SeenWords]
