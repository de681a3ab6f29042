"""Which slots Patroni drops: as its own slots.py decides it, in the versions that Debian and PGDG have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.components.patroni_dynamic import dynamic_configuration
from cluster.declared.tuning import Resources
from cluster.plans.configure import config_patch, without_absences
from cluster.plans.reinit_node import reinit_remarks
from cluster.plans.switchover import switchover_plan
from cluster.settings.settings import Settings
from cluster.verdicts.live import Live
from cluster.verdicts.slots import doomed_slots, slot_remarks, slots_left_behind
from tests.cluster.live_members import healthy, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster

LOGICAL = {"type": "logical", "database": "app", "plugin": "pgoutput"}


def slot(name: str, **said: Any) -> dict[str, Any]:
    told = {"name": name, "type": "physical", "database": None, "plugin": None}
    return {**told, "temporary": False, "failover": False, "synced": False, **said}


def doomed(*slots: dict[str, Any], version: str = "4.0.7", **config: Any) -> list[str]:
    return doomed_slots(with_patroni(healthy(), version=version, config=config).patroni, ("pg1", "pg-2"), slots)


def test_what_nobody_declares_goes_and_members_stay() -> None:
    assert doomed(slot("pg1"), slot("pg_2"), slot("mine"), slot("cdc", **LOGICAL)) == ["mine", "cdc"]


def test_temporary_slots_go_with_their_session() -> None:
    assert doomed(slot("pg_basebackup_42", temporary=True)) == []


@pytest.mark.parametrize(
    ("matcher", "stays"),
    [
        ({"name": "cdc"}, True),
        ({"name": "cdc", **LOGICAL}, True),
        ({"type": "logical"}, True),
        ({"plugin": "pgoutput"}, True),
        ({"database": "app"}, True),
        ({"name": "other"}, False),
        ({"name": "cdc", "database": "shop"}, False),
        ({"type": "physical"}, False),
    ],
)
def test_ignored_is_what_fits_every_word_of_a_matcher(matcher: dict[str, str], stays: bool) -> None:
    assert doomed(slot("cdc", **LOGICAL), ignore_slots=[{"name": "none"}, matcher]) == ([] if stays else ["cdc"])


@pytest.mark.parametrize("key", ["slots", "permanent_slots", "permanent_replication_slots"])
def test_permanent_ones_stay_as_they_are_declared(key: str) -> None:
    permanent = {"mine": {"type": "physical"}, "bare": None, "cdc": dict(LOGICAL)}
    assert doomed(slot("mine"), slot("bare"), slot("cdc", **LOGICAL), **{key: permanent}) == []
    other = {**LOGICAL, "database": "shop"}
    assert doomed(slot("cdc", **other), slot("mine", **LOGICAL), **{key: permanent}) == ["cdc", "mine"]


@pytest.mark.parametrize(("version", "stays"), [("3.3.9", False), ("4.0.7", False), ("4.1.0", True), ("4.1.4", True)])
def test_failover_slots_are_postgresqls_own_only_to_newer_patronis(version: str, stays: bool) -> None:
    assert doomed(slot("cdc", failover=True, **LOGICAL), version=version) == ([] if stays else ["cdc"])
    assert doomed(slot("cdc", failover=True, synced=True, **LOGICAL), version=version) == []


def with_slots(*slots: dict[str, Any], **config: Any) -> Live:
    return with_patroni(with_postgres(healthy(), "pg1", slots=list(slots)), config=config)


def test_each_member_has_a_sentence() -> None:
    live = with_postgres(with_slots(slot("a"), slot("b")), "pg3", slots=[slot("c")])
    tail = ", which is not declared (patroni_ignore_slots keeps slots)"
    assert slot_remarks(a_cluster(), live) == [
        f"Patroni drops the slots a, b of pg1{tail}",
        f"Patroni drops the slot c of pg3{tail}",
    ]
    silent = replace(live, postgres={**live.postgres, "pg1": None, "pg3": None})
    assert slot_remarks(a_cluster(), silent) == []


def test_a_switchover_says_what_is_dropped_and_what_stays_behind() -> None:
    live = with_slots(slot("mine"), slot("cdc", **LOGICAL), ignore_slots=[{"name": "cdc"}])
    assert switchover_plan(a_cluster(), live).remarks == (
        "Patroni drops the slot mine of pg1, which is not declared (patroni_ignore_slots keeps slots)",
        "cdc stays on pg1 as a slot, and pg2 has none of this name",
    )
    carried = with_slots(slot("cdc", failover=True, **LOGICAL), ignore_slots=[{"type": "logical"}])
    assert slots_left_behind(a_cluster(), carried) == []


def test_a_copy_takes_the_slots_of_the_member_with_it() -> None:
    live = with_postgres(healthy(), "pg3", slots=[slot("pg1"), slot("mine"), slot("gone", temporary=True)])
    assert reinit_remarks(a_cluster(), live, "pg3", 95)[:2] == [
        "95 MiB on pg3 are removed, and copied again",
        "the replication slots mine go with the data: copies have none",
    ]


@pytest.mark.parametrize(
    ("matcher", "problem"),
    [
        ({}, "names nothing, and so matches every slot"),
        ({"name": ""}, "names nothing, and so matches every slot"),
        ({"slot": "cdc"}, "has slot; a slot has a name, type, database and plugin"),
        ({"type": "both"}, "'both' is no type of slots: physical or logical"),
        ({"type": "physical"}, "matches the slots of members, too, which would then keep WAL for hosts that are gone"),
        ({"type": "physical", "database": "app"}, "matches nothing: a physical slot has no database and no plugin"),
        ({"name": "My-Slot"}, "'My-Slot' is no name for a slot: lower case letters, digits and underscores"),
        ({"name": "cdc\n"}, "holds the character"),
    ],
)
def test_matchers_that_are_not_meant_so_are_refused(matcher: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match="patroni_ignore_slots") as refused:
        Settings(patroni_ignore_slots=[matcher])
    assert problem in str(refused.value)


def configuration(declared: Any) -> dict[str, Any]:
    cluster = a_cluster(patroni_ignore_slots=declared)
    return dynamic_configuration(cluster, [Resources(4096, 2, 10_000)], (4, 0, 7))


def test_what_was_set_by_hand_stays_until_somebody_declares_it() -> None:
    by_hand = {**without_absences(configuration(None)), "ignore_slots": [{"name": "cdc"}]}
    assert "ignore_slots" not in config_patch(configuration(None), by_hand)
    assert config_patch(configuration([]), by_hand)["ignore_slots"] is None
    assert config_patch(configuration([{"name": "mine"}]), by_hand)["ignore_slots"] == [{"name": "mine"}]
