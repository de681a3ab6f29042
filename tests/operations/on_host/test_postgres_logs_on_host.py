"""The program that bounds PostgreSQL's log files: what it removes, and what it never does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "postgres_logs.py"
MIB = 1024 * 1024
DAY = 24 * 3600


def written(place: Path, name: str, age_seconds: float, mib: float = 1) -> None:
    path = place / name
    with path.open("wb") as file:
        file.truncate(int(mib * MIB))
    at = time.time() - age_seconds
    os.utime(path, (at, at))


def left_after(place: Path, days: int = 7, mib: int = 1000) -> set[str]:
    done = subprocess.run([sys.executable, PROGRAM, place, str(days), str(mib)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return {path.name for path in place.iterdir()}


def test_what_is_older_than_the_days_goes(tmp_path: Path) -> None:
    written(tmp_path, "postgresql-2026-11-01_000000.log", 8 * DAY)
    written(tmp_path, "postgresql-2026-11-02_000000.log", 6 * DAY)
    written(tmp_path, "postgresql-2026-11-09_000000.log", 0)
    assert left_after(tmp_path) == {"postgresql-2026-11-02_000000.log", "postgresql-2026-11-09_000000.log"}


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    for hour in range(10):
        written(tmp_path, f"postgresql-2026-11-01_{hour:02}0000.log", (10 - hour) * 60, 100)
    assert left_after(tmp_path, mib=350) == {f"postgresql-2026-11-01_{hour:02}0000.log" for hour in (7, 8, 9)}


def test_what_is_written_to_stays_however_old_or_large_it_is(tmp_path: Path) -> None:
    written(tmp_path, "postgresql-2026-11-01_000000.log", 30 * DAY, 900)
    written(tmp_path, "postgresql-2026-11-01_000000.json", 30 * DAY, 900)
    written(tmp_path, "postgresql-2026-10-01_000000.json", 31 * DAY, 1)
    assert left_after(tmp_path, mib=100) == {"postgresql-2026-11-01_000000.log", "postgresql-2026-11-01_000000.json"}


def test_files_of_earlier_versions_and_of_logrotate_go_too(tmp_path: Path) -> None:
    written(tmp_path, "postgresql-2026-11-09_000000.log", 0)
    for name in ("postgresql-Mon.log", "postgresql-2026-11-01_000000.log.1", "postgresql-Fri.log.3.gz"):
        written(tmp_path, name, 9 * DAY)
    assert left_after(tmp_path) == {"postgresql-2026-11-09_000000.log"}


@pytest.mark.parametrize("name", ["postgresql-17-main.log", "mine.log", "postgresql-2026-11-01.log.bak", "notes"])
def test_what_is_not_ours_stays_and_does_not_count(tmp_path: Path, name: str) -> None:
    written(tmp_path, name, 90 * DAY, 5000)
    written(tmp_path, "postgresql-2026-11-08_000000.log", 60)
    written(tmp_path, "postgresql-2026-11-09_000000.log", 0)
    assert len(left_after(tmp_path, mib=100)) == 3


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    written(tmp_path, "elsewhere", 90 * DAY)
    (logs / "postgresql-2026-11-01_000000.log").symlink_to(tmp_path / "elsewhere")
    written(logs, "postgresql-2026-11-09_000000.log", 0)
    left_after(logs)
    assert (tmp_path / "elsewhere").exists()
