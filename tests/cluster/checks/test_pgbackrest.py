"""What a check finds about backups: every kind, its words, and nothing else with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.checks.report import all_findings, as_data, check_lines
from cluster.finding_types.pgbackrest import TYPES
from cluster.screens.backups import backups_words, drill_words
from cluster.screens.status import status_lines
from tests.cluster.overview_world import AT, World, at_other_time, backed_up, backup, drill, healthy

HOUR, DAY = 3600, 86400
NOW = int(AT.timestamp())


def found(world: World) -> list[tuple[str, str, str]]:
    return [(one.kind, one.finding.where, one.finding.problem) for one in all_findings(world.overview())]


def repository(**said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers["h4"]["pgbackrest"].update(said)


def archiver(name: str, **said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers[name]["postgres"]["archiver"].update(said)


def hole(first: str, last: str, count: int) -> Callable[[World], Any]:
    names = (f"00000007000000000000{text}" for text in (first, last))
    return repository(holes=[dict(zip(("id", "first", "last", "count"), ("17-1", *names, count), strict=True))])


def drills(**said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers["h4"]["pgbackrest_drill"].update(said)


def last_drill(verdict: str, *reasons: str) -> Callable[[World], Any]:
    said = {"verdict": verdict, "reasons": list(reasons), "label": "20261121-010512F"}
    return lambda world: world.answers["h4"]["pgbackrest_drill"]["last"].update(said)


def attempt(kind: str, **said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers["h4"]["pgbackrest"]["attempts"][kind].update(said)


def repository_room(free_mib: int, total_mib: int = 500_000) -> Callable[[World], Any]:
    room = {"free_mib": free_mib, "total_mib": total_mib, "mount": "/backups"}
    return lambda world: world.answers["h4"]["picture"]["rooms"].update({"/var/lib/pgbackrest": room})


@dataclass(frozen=True)
class Case:
    """A kind of finding. + breaks: what is done to a healthy cluster"""

    kind: str
    where: str
    problem: str
    breaks: Callable[[World], Any]


CASES = [
    Case(
        *("restore-unfinished", "h2", "a restore was started here, and Patroni may be kept down for it"),
        lambda world: world.answers["h2"]["picture"].update(restoring=True),
    ),
    Case("archive-off", "h1", "archive_mode is off: WAL is not archived", archiver("h1", mode="off")),
    Case(
        "wal-waiting",
        "h1",
        "64 segments of WAL, 1024.0 MiB, wait for the archive on the disk, which has 146.5 GiB left",
        archiver("h1", waiting=64),
    ),
    Case(
        *("wal-stuck", "h1", "a segment has been ready for the archive for 5 min: 2 segments of WAL, 32.0 MiB, wait"),
        archiver("h1", waiting=2, waiting_seconds=300),
    ),
    Case(
        *("wal-unarchived", "h1", "0000000700000000000007FF counts as archived, and the repository has "),
        archiver("h1", last_archived="0000000700000000000007FF", last_archived_seconds=90),
    ),
    Case(
        "repository-full",
        "h4",
        "/backups is filled to 96 %, 20000 MiB are left for /var/lib/pgbackrest",
        repository_room(20_000),
    ),
    Case(
        *("repository-nearly-full", "h4", "/backups is filled to 86 %, 70000 MiB are left for /var/lib/pgbackrest"),
        repository_room(70_000),
    ),
    Case(
        *("wal-missing", "h4", "3 segments are missing in the archive: 0000000700000000000007C8 to "),
        hole("07C8", "07CA", 3),
    ),
    Case(
        *("wal-missing-before", "h4", "a segment is missing in the archive: 0000000700000000000007B1"),
        hole("07B1", "07B1", 1),
    ),
    Case("archive-unlisted", "h4", "the segments in the archive could not be listed in time", repository(holes=None)),
    Case(
        *("repository-unusable", "h4", "[CryptoError] unable to flush"),
        repository(answers=False, error="[CryptoError] unable to flush"),
    ),
    Case(
        *("repository-unusable", "h4", "stanza main: missing stanza path"),
        repository(status=1, message="missing stanza path", backups=[]),
    ),
    Case(
        *("repository-foreign", "h4", "the backups are of 42, the cluster is 7710641775443985334"),
        repository(identifiers=["42"]),
    ),
    Case(
        *(
            "repository-foreign",
            "h4",
            "the archive has 000000630000000000000001, which the primary on timeline 7 never wrote",
        ),
        repository(archive={"id": "17-1", "min": "000000010000000000000001", "max": "000000630000000000000001"}),
    ),
    Case("backup-none", "h4", "there is no backup yet", repository(status=2, message="no valid backups", backups=[])),
    Case(
        *("backup-old", "h4", "the newest backup, 20261101-010512F, is 31 h old, more than 30"),
        repository(backups=[backup("20261101-010512F", "full", NOW - 31 * HOUR, "07A0")]),
    ),
    Case(
        *("backup-failed", "h4", "the last diff backup failed: [056]: unable to find primary cluster"),
        attempt("diff", failed=True, error="[056]: unable to find primary cluster"),
    ),
    Case(
        *("backup-damaged", "h4", "20261121-010512F has pages with a wrong checksum"),
        repository(backups=[{**backup("20261121-010512F", "full", NOW - HOUR, "07A0"), "damaged": True}]),
    ),
    Case(
        *("drill-failed", "h4", "20261121-010512F: restore: [055]: unable to open missing file; verify: file missing"),
        last_drill("failed", "restore: [055]: unable to open missing file", "verify: file missing"),
    ),
    Case(
        *("drill-undecided", "h4", "20261121-010512F: room: 900 MiB are free"),
        last_drill("undecided", "room: 900 MiB are free"),
    ),
    Case(
        *("drill-old", "h4", "the last backup that was proven, 20261115-010512F, is 15 days ago, more than 14"),
        lambda world: world.answers["h4"].update(pgbackrest_drill=drill(NOW - 15 * DAY)),
    ),
    Case(
        *("drill-none", "h4", "no backup was ever proven, though drills have been scheduled for 20 days"),
        drills(last=None, passed=None, since=NOW - 20 * DAY),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_each_kind_is_found_with_its_words_and_nothing_else(case: Case) -> None:
    world = backed_up()
    case.breaks(world)
    ((kind, where, problem),) = found(world)
    assert (kind, where) == (case.kind, case.where)
    assert problem.startswith(case.problem)


def test_every_kind_has_a_case() -> None:
    assert set(TYPES) == {case.kind for case in CASES}


def test_a_cluster_that_is_backed_up_has_nothing_to_complain_about() -> None:
    assert found(backed_up()) == []


def test_a_cluster_without_a_repository_is_not_asked_for_backups() -> None:
    assert found(healthy()) == []
    assert backups_words(healthy().overview()) == "no backups are configured"
    assert "backups" not in as_data(healthy().overview(), [])["observed"]


def test_what_is_missing_before_the_oldest_backup_is_of_no_use() -> None:
    world = backed_up()
    hole("0701", "079F", 159)(world)
    assert found(world) == []


def test_an_older_database_s_archive_may_have_any_holes() -> None:
    world = backed_up()
    hole("07C8", "07C8", 1)(world)
    world.answers["h4"]["pgbackrest"]["holes"][0]["id"] = "16-1"
    assert found(world) == []


def test_a_backup_after_the_hole_heals_it() -> None:
    world = backed_up()
    hole("07C8", "07C8", 1)(world)
    world.answers["h4"]["pgbackrest"]["backups"].append(backup("x", "incr", NOW - 60, "07D0"))
    assert [kind for kind, _, _ in found(world)] == ["wal-missing-before"]


def test_a_standby_s_old_failures_say_nothing() -> None:
    world = backed_up()
    archiver("h2", failed=9, last_failed="00000006.history", last_failed_at=2.0, last_archived_at=1.0, waiting=99)(
        world
    )
    assert found(world) == []


def test_an_attempt_that_is_repeated_now_is_no_failure() -> None:
    world = backed_up()
    attempt("full", failed=True, running=True)(world)
    assert found(world) == []


def test_a_dead_repository_host_is_one_finding() -> None:
    world = backed_up()
    world.dead.add("h4")
    assert [kind for kind, _, _ in found(world)] == ["host-silent"]
    assert backups_words(world.overview()) == "THE REPOSITORY DOES NOT ANSWER"


def test_a_repository_without_room_for_another_full_backup_is_nearly_full() -> None:
    world = backed_up()
    repository_room(800, 2000)(world)
    assert found(world) == []
    world.answers["h4"]["pgbackrest"]["backups"][0]["stored"] = 900 * 1024 * 1024
    ((kind, _, problem),) = found(world)
    assert kind == "repository-nearly-full"
    assert problem.endswith("800 MiB are left for /var/lib/pgbackrest; a full backup took 900.0 MiB")


def test_a_repository_in_which_no_segment_fits_is_full_whatever_its_size() -> None:
    world = backed_up()
    repository_room(15, 64)(world)
    assert [kind for kind, _, _ in found(world)] == ["repository-full"]


def test_an_archiver_that_fails_says_why_and_what_it_keeps() -> None:
    world = backed_up()
    archiver("h1", failed=9, last_failed="0000000700000000000007D2", last_failed_at=2.0, waiting=70)(world)
    world.answers["h1"]["archiver"] = "unable to write '/x': [28] No space left on device"
    assert found(world) == [
        (
            "archiver-failing",
            "h1",
            "0000000700000000000007D2 could not be archived: unable to write '/x': [28] No space left on device; "
            "9 attempts have failed, and 70 segments of WAL, 1120.0 MiB, wait for the archive on the disk, "
            "which has 146.5 GiB left",
        )
    ]


def test_versions_that_differ_are_found() -> None:
    world = backed_up()
    for name, version in (("h1", "2.55.1-1"), ("h4", "2.45-1")):
        world.answers[name]["packages"]["packages"]["pgbackrest"] = {"status": "installed", "version": version}
    assert found(world) == [("versions-differ", "main", "pgbackrest differs between hosts: 2.55.1 on h1; 2.45 on h4")]


def test_the_screen_has_what_a_restore_could_bring_back() -> None:
    overview = backed_up().overview()
    wal = "WAL to 0000000700000000000007D1"
    assert backups_words(overview) == f"diff 60 min ago of 40.0 GiB, full 6 days ago, {wal}"
    later = at_other_time(overview, hours=5)
    assert backups_words(later) == f"diff 6 h ago of 40.0 GiB, full 6 days ago, {wal}"


def test_the_screen_says_what_is_not_there() -> None:
    world = backed_up()
    repository(backups=[], archive=None)(world)
    attempt("full", running=True)(world)
    assert backups_words(world.overview()) == "NO BACKUP, full under way, NO WAL IS ARCHIVED"


def test_a_new_cluster_has_time_for_its_first_drill() -> None:
    world = backed_up()
    drills(last=None, passed=None, since=NOW - 13 * DAY)(world)
    assert found(world) == []
    assert drill_words(world.overview()) == "no backup was proven yet"


def test_without_a_schedule_nobody_waits_for_the_first_drill() -> None:
    world = backed_up()
    drills(last=None, passed=None, since=None)(world)
    assert found(world) == []


def test_who_drills_by_hand_is_told_when_it_was_long_ago() -> None:
    world = backed_up()
    world.answers["h4"].update(pgbackrest_drill={**drill(NOW - 15 * DAY), "since": None})
    assert [kind for kind, _, _ in found(world)] == ["drill-old"]


def test_a_failed_drill_is_one_finding_however_old_the_last_proof() -> None:
    world = backed_up()
    world.answers["h4"].update(pgbackrest_drill=drill(NOW - 99 * DAY))
    last_drill("failed", "amcheck: broken")(world)
    assert [kind for kind, _, _ in found(world)] == ["drill-failed"]


def test_the_screen_has_the_last_proof_and_the_last_failure() -> None:
    world = backed_up()
    assert drill_words(world.overview()) == "20261115-010512F proven 48 h ago"
    last_drill("failed", "amcheck: broken")(world)
    drills(running=True)(world)
    words = "20261115-010512F proven 48 h ago, THE LAST ONE FAILED, one is under way"
    assert drill_words(world.overview()) == words
    assert drill_words(healthy().overview()) == ""


def test_a_check_says_that_it_looked_at_the_archive() -> None:
    overview = backed_up().overview()
    assert "every segment of the WAL archive" in check_lines(overview, [])[-1]
    assert as_data(overview, [])["observed"]["backups"]["directory"]["status"] == 0


# --- Two repositories ---


def in_two_places() -> World:
    """The same in a directory and in a store."""
    world = backed_up(
        pgbackrest_repositories=["directory", "s3"],
        **{f"pgbackrest_s3_{name}": "x" for name in ("bucket", "endpoint", "region", "credentials")},
    )
    world.answers["h4"]["pgbackrest2"] = copy.deepcopy(world.answers["h4"]["pgbackrest"])
    return world


def test_two_whole_repositories_have_nothing_to_complain_about() -> None:
    assert found(in_two_places()) == []


def test_a_finding_says_in_which_of_two_repositories() -> None:
    world = in_two_places()
    world.answers["h4"]["pgbackrest2"]["attempts"]["full"].update(failed=True, error="[082]: late")
    ((kind, where, problem),) = found(world)
    assert (kind, where, problem) == ("backup-failed", "h4", "the S3 store: the last full backup failed: [082]: late")
    (one,) = all_findings(world.overview())
    assert "`journalctl -u pgbackrest-backup@full-repo2`" in one.finding.hint


def test_holes_are_those_of_one_repository() -> None:
    world = in_two_places()
    hole("07C8", "07C8", 1)(world)
    assert [(kind, problem.partition(":")[0]) for kind, _, problem in found(world)] == [
        ("wal-missing", "the directory")
    ]


def test_a_store_that_is_gone_leaves_the_other_one_judged() -> None:
    world = in_two_places()
    attempt("diff", failed=True, error="[056]: no primary")(world)
    world.answers["h4"]["pgbackrest2"].update(answers=False, error="no answer in 8 s")
    assert [(kind, problem) for kind, _, problem in found(world)] == [
        ("repository-unusable", "the S3 store: no answer in 8 s"),
        ("backup-failed", "the directory: the last diff backup failed: [056]: no primary"),
    ]


def test_the_screen_has_a_line_for_each() -> None:
    world = in_two_places()
    world.answers["h4"]["pgbackrest2"].update(answers=False, error="no answer in 8 s")
    first, second = backups_words(world.overview()).splitlines()
    assert first.startswith("the directory: diff 60 min ago of 40.0 GiB")
    assert second == "            the S3 store: DOES NOT ANSWER"
    lines = status_lines(world.overview(), [])
    assert "            the S3 store: DOES NOT ANSWER" in "\n".join(lines).splitlines()


def test_machines_get_both() -> None:
    assert set(as_data(in_two_places().overview(), [])["observed"]["backups"]) == {"directory", "s3"}


# --- What PostgreSQL believes of its archive ---


def believed(segment: str, seconds: float) -> Callable[[World], Any]:
    return archiver("h1", last_archived=segment, last_archived_seconds=seconds)


def test_a_segment_that_is_ready_for_minutes_though_nothing_failed_is_found() -> None:
    """An archiver that dies counts no failure."""
    world = backed_up()
    archiver("h1", waiting=1, waiting_seconds=241.5)(world)
    ((kind, where, problem),) = found(world)
    assert (kind, where) == ("wal-stuck", "h1")
    assert problem.startswith("a segment has been ready for the archive for 4 min: 1 segments of WAL, 16.0 MiB, wait")
    archiver("h1", waiting_seconds=239)(world)
    assert found(world) == []


def test_what_counts_as_archived_and_is_not_in_the_repository_is_found() -> None:
    world = backed_up()
    newest = world.answers["h4"]["pgbackrest"]["archive"]["max"]
    believed(newest[:22] + "FF", 61)(world)
    assert found(world) == [
        (
            "wal-unarchived",
            "h1",
            f"{newest[:22]}FF counts as archived, and the repository has {newest} as its newest segment",
        )
    ]
    world.answers["h4"]["pgbackrest"]["archive"] = None
    assert [kind for kind, _, _ in found(world)] == ["wal-unarchived"]


@pytest.mark.parametrize(("more", "seconds", "count"), [(0, 9000, 0), (1, 30, 0), (1, 61, 1), (63, 30, 0), (64, 0, 1)])
def test_what_may_have_come_between_two_looks_is_not(more: int, seconds: float, count: int) -> None:
    world = backed_up()
    newest = world.answers["h4"]["pgbackrest"]["archive"]["max"]
    believed(f"{newest[:16]}{int(newest[16:], 16) + more:08X}", seconds)(world)
    assert len(found(world)) == count


@pytest.mark.parametrize("name", [None, "", "00000008.history", "0000000700000000000000FF.partial.x"[:8]])
def test_a_history_says_nothing_of_the_segments(name: str | None) -> None:
    world = backed_up()
    archiver("h1", last_archived=name, last_archived_seconds=9000)(world)
    assert found(world) == []
