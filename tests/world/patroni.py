"""What Patroni answers on a host, see the fact ``PatroniCluster``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = "4.0.7"


def silent(error: str = "connection refused") -> list[str]:
    """The answer of a host whose Patroni does not answer."""
    return [json.dumps({"answers": False, "error": error, "settled": False})]


def patroni(leader: str | None, members: Mapping[str, Mapping[str, Any]], **other: Any) -> list[str]:
    """
    The answer of one that does.

    + members: as ``patroni_member`` makes them; + other: what differs from a settled cluster with nothing configured
    """
    usual = {"version": VERSION, "config": {}, "paused": False, "scheduled_switchover": None, "settled": True}
    return [json.dumps({"answers": True, "error": "", "leader": leader, "members": members, **usual, **other})]
