"""Replication slots that people make by hand: which of them Patroni drops, when, and which it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.inventory.clusters import slot_name
from cluster.measures import version_of
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenPostgres
from cluster.settings.slot_matchers import MATCHED
from cluster.verdicts.live import Live

# Before, Patroni drops the logical slots that PostgreSQL 17 itself carries over to standbys.
FAILOVER_SLOTS_KEPT_FROM = (4, 1, 0)

_PERMANENT = ("permanent_replication_slots", "permanent_slots", "slots")

Slot = Mapping[str, Any]


def doomed_slots(seen: SeenPatroni, owners: Iterable[str], slots: Iterable[Slot]) -> list[str]:
    """
    The slots of one member that Patroni drops as soon as it looks at all of them: at its start, at the end of a pause,
    after each start, promotion or demotion of PostgreSQL, and when a member's own slot goes.

    + owners: names of all members
    + slots: of ``PostgresState``
    """
    config, members = seen["config"] or {}, {slot_name(name) for name in owners}
    known = [one for one in slots if one["name"] not in members and not _is_left_alone(config, seen["version"], one)]
    return [one["name"] for one in known if not _is_permanent(config, one)]


def _is_left_alone(config: Mapping[str, Any], version: str, slot: Slot) -> bool:
    if slot.get("temporary") or slot.get("synced"):
        return True
    if slot.get("failover") and version_of(version) >= FAILOVER_SLOTS_KEPT_FROM:
        return True
    return is_ignored(config, slot)


def is_ignored(config: Mapping[str, Any], slot: Slot) -> bool:
    """Whether ``ignore_slots`` matches a slot. + config: the dynamic configuration"""
    return any(
        all(matcher.get(key) in (None, "", slot.get(key)) for key in MATCHED)
        for matcher in config.get("ignore_slots") or ()
    )


def _is_permanent(config: Mapping[str, Any], slot: Slot) -> bool:
    """A permanent slot of the same name and another kind is dropped, too, and made anew."""
    declared: Mapping[str, Any] = next((found for key in _PERMANENT if (found := config.get(key))), {})
    if slot["name"] not in declared:
        return False
    wanted = declared[slot["name"]] or {}
    kind = wanted.get("type") or ("logical" if wanted.get("database") and wanted.get("plugin") else "physical")
    parts = ("database", "plugin") if kind == "logical" else ()
    return kind == slot["type"] and all(wanted.get(part) == slot.get(part) for part in parts)


def slot_remarks(cluster: Cluster, live: Live) -> list[str]:
    """A sentence for each member with slots that Patroni drops. + live: the picture of all"""
    slots = {name: state["slots"] for name, state in live.postgres.items() if state is not None}
    return dropped_slots(cluster, live.patroni, slots)


def dropped_slots(cluster: Cluster, seen: SeenPatroni, slots: Mapping[str, Iterable[Slot]]) -> list[str]:
    """The same, from Patroni's picture. + slots: by member"""
    owners = {*(node.name for node in cluster.members), *seen["members"]}
    doomed = {name: doomed_slots(seen, owners, found) for name, found in slots.items()}
    return [
        f"Patroni drops {_named(names)} of {name}, which is not declared (patroni_ignore_slots keeps slots)"
        for name, names in doomed.items()
        if names
    ]


def own_slots(cluster: Cluster, live: Live, name: str) -> list[str]:
    """The slots on a member that people have made. + live: as above; + name: the member's"""
    state, members = live.postgres.get(name), {slot_name(one) for one in live.patroni["members"]}
    members |= {slot_name(node.name) for node in cluster.members}
    slots = state["slots"] if state is not None else []
    return [one["name"] for one in slots if one["name"] not in members and not one.get("temporary")]


def slots_left_behind(cluster: Cluster, live: Live) -> list[str]:
    """The slots of the leader that Patroni leaves alone, and nobody makes on the next leader. + live: as above"""
    leading, config = live.postgres.get(str(live.leader)), live.patroni["config"] or {}
    members = {slot_name(node.name) for node in cluster.members}
    slots = [one for one in leading["slots"] if one["name"] not in members] if leading is not None else []
    return [
        one["name"]
        for one in slots
        if is_ignored(config, one) and not (_is_permanent(config, one) or one.get("failover") or one.get("temporary"))
    ]


def slots_to_copy(live: Live, state: SeenPostgres) -> list[str]:
    """
    The leader's permanent logical slots that a standby has no copy of yet. Patroni makes it some seconds after the slot
    and restarts that PostgreSQL for it; meanwhile it lets no switchover to it begin.

    + state: ``PostgresState`` of the standby
    """
    leading, config = live.postgres.get(str(live.leader)), live.patroni["config"] or {}
    there = {one["name"] for one in state["slots"]}
    slots = [one for one in leading["slots"] if one["type"] == "logical"] if leading is not None else []
    return [one["name"] for one in slots if one["name"] not in there and _is_copied(config, one)]


def _is_copied(config: Mapping[str, Any], slot: Slot) -> bool:
    return _is_permanent(config, slot) and not (slot.get("failover") or slot.get("temporary"))


def _named(names: list[str]) -> str:
    return f"the slot{'s' if len(names) > 1 else ''} {', '.join(names)}"
