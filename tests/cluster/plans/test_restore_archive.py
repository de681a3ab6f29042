"""What a restore may promise: asked of the repository, and of what the primary archives with."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.components.pgbackrest import ARCHIVE_COMMAND
from cluster.plans.restore.archive import archive_obstacle, hole_obstacle
from cluster.plans.restore.target import Target, asked_target
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_patroni, with_postgres

BACKUP: Any = {"label": "20261121-110000F", "wal_start": "000000030000000000000007"}
HOLE = {"id": "17-1", "first": "000000030000000000000009", "last": "00000003000000000000000A", "count": 2}


def repository(*holes: Any) -> Any:
    return {"archive": {"id": "17-1"}, "holes": list(holes)}


def primary(mode: str = "on", **configured: str) -> Live:
    known = {name: {"setting": value} for name, value in configured.items()}
    return with_postgres(healthy(), "pg1", archiver={"mode": mode}, configured=known)


@pytest.mark.parametrize(
    ("live", "what"),
    [
        (primary("off", archive_command=ARCHIVE_COMMAND), "archive_mode is off"),
        (primary(archive_command="/bin/true"), "archive_command is '/bin/true'"),
        (primary(archive_command=""), "archive_command is ''"),
        (
            primary(archive_command=ARCHIVE_COMMAND, archive_library="basic_archive"),
            "archive_library is 'basic_archive'",
        ),
    ],
)
def test_a_primary_that_archives_elsewhere_promises_nothing(live: Live, what: str) -> None:
    assert str(archive_obstacle(live)) == (
        f"pg1 does not archive its WAL: {what}\nHINT: deploys/check.py says how to fix it; "
        "--data skip_archiving=true gives up what is not archived."
    )


def test_ours_is_no_obstacle_and_nobody_s_is_none() -> None:
    assert archive_obstacle(primary(archive_command=ARCHIVE_COMMAND, archive_library="")) is None
    assert archive_obstacle(healthy()) is None
    assert archive_obstacle(with_patroni(primary(archive_command="/bin/true"), leader=None)) is None


def test_a_hole_after_the_backup_ends_a_restore_to_the_end() -> None:
    said = str(hole_obstacle(repository(HOLE), BACKUP, Target("latest")))
    assert said.startswith(
        "WAL is missing in the archive since the backup 20261121-110000F, from 0000000300000000000000"
    )
    assert "--data skip_archiving=true" in said


def test_one_before_the_backup_or_of_another_database_does_not() -> None:
    before = {**HOLE, "first": "000000030000000000000002", "last": "000000030000000000000003"}
    for seen in (repository(before), repository({**HOLE, "id": "16-1"}), repository(), {**repository(), "holes": None}):
        assert hole_obstacle(seen, BACKUP, Target("latest")) is None


def test_a_position_before_it_is_reached_and_one_behind_it_is_not() -> None:
    assert hole_obstacle(repository(HOLE), BACKUP, asked_target({"lsn": "0/8FFFFFF"})) is None
    assert "name a moment before that" in str(
        hole_obstacle(repository(HOLE), BACKUP, asked_target({"lsn": "0/9000000"}))
    )
    assert hole_obstacle(repository(HOLE), BACKUP, asked_target({"set": "x"})) is None
