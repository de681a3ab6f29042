"""The shape of what a host says of its clock."""

from __future__ import annotations

from typing import TypedDict


class SeenClock(TypedDict):
    """
    Who keeps a clock.

    + may_set: whether the host may set its clock; a container may not
    + services: the state of each clock service that is installed
    + marked: whether chrony is there because of us
    """

    may_set: bool
    services: dict[str, str]
    marked: bool
