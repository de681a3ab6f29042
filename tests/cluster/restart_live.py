"""A healthy live cluster with all that an ordered restart looks at, to be spoiled in one point at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.parameters.values import ORDERED
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_patroni, with_postgres

FIVE = dict(zip(ORDERED, (100, 8, 10, 0, 64), strict=True))
OTHERS = {"superuser_reserved_connections": 5, "max_replication_slots": 10}


def setting(value: object, kind: str = "integer", **other: Any) -> dict[str, Any]:
    """A setting as PostgreSQL runs with it. + other: what differs"""
    shown = {"setting": str(value), "shown": str(value), "type": kind, "unit": None, "pending": False}
    return {**shown, "default": None, "source": "configuration file", **other}


def settings_of(values: Mapping[str, int], shared_buffers: int = 16384) -> dict[str, Any]:
    """What PostgreSQL shows. + values: the five; + shared_buffers: in blocks of 8 kB"""
    buffers = setting(shared_buffers, unit="8kB", shown=f"{shared_buffers // 128}MB")
    return {name: setting(value) for name, value in {**OTHERS, **values}.items()} | {"shared_buffers": buffers}


def restart_live(*names: str, **parameters: Any) -> Live:
    """pg1, pg2 and pg3, of which the first leads, all with ``FIVE``. + parameters: of the dynamic configuration"""
    live = with_patroni(healthy(*names), config={"postgresql": {"parameters": {**FIVE, **parameters}}})
    for name in live.postgres:
        facts = {"settings": settings_of(FIVE), "control": {**FIVE, "identifier": "76"}}
        live = with_postgres(live, name, **facts, slots=[], prepared={"count": 0, "oldest_seconds": 0})
    return replace(live, within=frozenset(live.postgres))


def with_settings(live: Live, name: str, **settings: Any) -> Live:
    """The same with other settings of one member. + settings: plain values of one of the five, or ``setting(...)``"""
    seen = live.postgres[name]
    assert seen is not None
    shown = {one: value if isinstance(value, dict) else setting(value) for one, value in settings.items()}
    return with_postgres(live, name, settings={**seen["settings"], **shown})


def unreachable(live: Live, name: str) -> Live:
    """The same while the host of one member is away, and etcd has forgotten it."""
    members = {one: seen for one, seen in live.patroni["members"].items() if one != name}
    return with_patroni(replace(live, postgres={**live.postgres, name: None}), members=members)
