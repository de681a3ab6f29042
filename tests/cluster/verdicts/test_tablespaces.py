"""Directories of tablespaces: what a restore moves aside, and where a host cannot have those of a cluster."""

from __future__ import annotations

from typing import Any

from cluster.verdicts.tablespaces import aside_lines, joining_obstacle, kept_name, source_obstacle, unknown
from tests.cluster.preflight_hosts import a_cluster

NOON = 1795262400
OLD, YOUNG = "/srv/old", "/srv/young"


def member(*tablespaces: str) -> Any:
    return {"tablespaces": list(tablespaces)}


def test_what_the_backup_does_not_know_makes_way() -> None:
    assert unknown(member(OLD, YOUNG), [OLD]) == [YOUNG]
    assert unknown(member(OLD), [OLD, YOUNG]) == []
    assert unknown(None, []) == []


def test_the_plan_names_each_directory_with_its_members_and_what_it_is_kept_under() -> None:
    seen = {"pg1": member(OLD, YOUNG), "pg2": member(YOUNG), "pg3": member(OLD), "pg4": None}
    assert kept_name(NOON) == "before-restore-20261121T120000Z"
    assert aside_lines(seen, [OLD], NOON) == [
        "  aside   files in /srv/young on pg1, pg2, a tablespace that the backup does not know: they are kept under "
        "the name before-restore-20261121T120000Z"
    ]
    assert aside_lines(seen, [OLD, YOUNG], NOON) == []


def test_a_host_that_joins_has_room_for_every_directory() -> None:
    assert joining_obstacle("pg2", {OLD: "free", YOUNG: "absent"}) is None
    assert joining_obstacle("pg2", {}) is None


def test_files_of_a_postgresql_are_not_overwritten_on_a_host_that_joins() -> None:
    assert joining_obstacle("pg2", {OLD: "held", YOUNG: "free"}) == (
        "pg2 has a PostgreSQL's files in /srv/old, where is a tablespace of the cluster\n"
        "HINT: nothing is overwritten: move them away, then run this again."
    )
    assert joining_obstacle("pg2", {OLD: "held"}, fresh=False) is None, "an earlier run may have begun its copy"


def test_a_file_system_that_is_not_mounted_is_not_made_up_for() -> None:
    for fresh in (True, False):
        said = joining_obstacle("pg2", {OLD: "lost", YOUNG: "lost"}, fresh=fresh)
        assert said is not None and "no directory above /srv/old, /srv/young, where are tablespaces" in said


def test_a_copy_does_not_begin_in_the_directories_of_a_living_cluster() -> None:
    said = source_obstacle(a_cluster(), a_cluster(), {OLD: "held"})
    assert said is not None and said.startswith(
        "pg1 has a PostgreSQL's files in /srv/old, where the backup of main has"
    )
    assert "\nHINT: where they are those of a living cluster, restore on another host" in said
    assert source_obstacle(a_cluster(), a_cluster(), {OLD: "absent"}) is None
