"""Settings that wait for a restart, and that a start of PostgreSQL for quite another reason would make active."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.plans.restart_pending.members import waiting_settings
from cluster.verdicts.live import Live

WAITS = "which waits for a restart until then"


def activated(live: Live, names: Iterable[str]) -> list[str]:
    """
    What the next start of members makes active beside its purpose: a sentence for each setting.

    + names: of those that start; one that does not run now gets what the leader waits for
    """
    members: dict[str, list[str]] = {}
    for name in names:
        for setting, change in _waiting(live, name).items():
            members.setdefault(f"{setting} {change}", []).append(name)
    return [f"{', '.join(those)} starts with {change}, {WAITS}" for change, those in members.items()]


def _waiting(live: Live, name: str) -> dict[str, str]:
    parameters = (live.patroni["config"] or {}).get("postgresql", {}).get("parameters", {})
    leader = live.postgres.get(live.leader) if live.leader is not None else None
    seen = live.postgres.get(name)
    running = seen if seen is not None and seen["answers"] else leader
    return {} if running is None or not running["answers"] else waiting_settings(running, parameters)
