"""A healthy live cluster for pure tests, to be spoiled in one point at a time."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from cluster.parameters.values import ORDERED
from cluster.verdicts.live import Live

SETTINGS = dict.fromkeys(ORDERED, 100) | {"max_wal_senders": 10}


def patroni_member(leads: bool, **other: Any) -> dict[str, Any]:
    """A member as Patroni lists it. + other: what differs"""
    return {
        "role": "leader" if leads else "replica",
        "synchronous": False,
        "state": "running" if leads else "streaming",
        "running": True,
        "streaming": not leads,
        "timeline": 3,
        "lag_mib": None if leads else 0,
        "pending_restart": False,
        "tags": {},
        "scheduled_restart": False,
        **other,
    }


def postgres_state(leads: bool, **other: Any) -> dict[str, Any]:
    """A member's PostgreSQL. + other: what differs"""
    return {
        "answers": True,
        "error": "",
        "in_recovery": not leads,
        "started_at": 1000.0,
        "timeline": 3,
        "written": 1 << 30,
        "replayed": None if leads else 1 << 30,
        "receiving": not leads,
        "replay": None if leads else "not paused",
        "apply_delay_ms": 0,
        "settings": {name: {"setting": str(value)} for name, value in SETTINGS.items()},
        "replication": [],
        "slots": [],
        "backup_seconds": None,
        "restoring": False,
        "connections": 7,
        "transactions": [],
        "control": {**SETTINGS, "identifier": "76", "timeline": 3},
        **other,
    }


def healthy(*names: str) -> Live:
    """The first of these members leads, the others stream from it. Without names: pg1, pg2, pg3."""
    names = names or ("pg1", "pg2", "pg3")
    patroni: Any = {
        "answers": True,
        "error": "",
        "version": "4.0.7",
        "leader": names[0],
        "members": {name: patroni_member(name == names[0]) for name in names},
        "config": {},
        "paused": False,
        "scheduled_switchover": None,
        "settled": True,
    }
    postgres: Any = {name: postgres_state(name == names[0]) for name in names}
    etcd: Any = {"unhealthy": {}, "members": [], "alarms": [], "keys": {}, "errors": {}}
    return Live(patroni, {}, postgres, etcd, frozenset(("pg1", "pg2", "pg3")))


def standby_cluster(live: Live) -> Live:
    """The same as a standby cluster: its leader receives from a source, and nobody takes writes."""
    config = {**(live.patroni["config"] or {}), "standby_cluster": {"host": "10.9.0.1", "port": 5432}}
    follows = {"in_recovery": True, "replayed": 1 << 30, "receiving": True, "replay": "not paused"}
    leader = str(live.leader)
    senders = [{**one, "behind": None} for one in (live.postgres[leader] or {})["replication"]]  # type: ignore[typeddict-item]
    return with_postgres(with_patroni(live, config=config), leader, **follows, replication=senders)


def with_patroni(live: Live, **other: Any) -> Live:
    """The same with other answers of Patroni about the cluster."""
    changed: Any = {**live.patroni, **other}
    return replace(live, patroni=changed)


def with_member(live: Live, name: str, **other: Any) -> Live:
    """The same with other answers of Patroni about one member."""
    patroni = deepcopy(live.patroni)
    patroni["members"][name].update(other)  # type: ignore[typeddict-item]
    return replace(live, patroni=patroni)


def with_postgres(live: Live, name: str, **other: Any) -> Live:
    """The same with other answers of one member's PostgreSQL."""
    changed: Any = {**live.postgres, name: {**(live.postgres[name] or {}), **other}}
    return replace(live, postgres=changed)
