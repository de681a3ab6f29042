"""With which backup a replica begins: run here with stand-ins for psql and pgBackRest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "cluster" / "components" / "on_host" / "pgbackrest_newest_set.py"
PSQL = """#!/bin/sh
echo "$1" > "$PLACE/asked"
case $3 in
  IDENTIFY_SYSTEM) echo "7710|$TIMELINE|0/9000000|" ;;
  "TIMELINE_HISTORY 3")
    printf '00000003.history|1\\t0/5000000\\tbefore 2026\\n\\n2\\t0/6000000\\tno recovery target\\n' ;;
  *) exit 1 ;;
esac
"""


def taken(label: str, stopped_at: int, timeline: int, lsn: str, **other: object) -> dict[str, object]:
    end = f"{timeline:08X}0000000000000004"
    return {
        "label": label,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"stop": stopped_at},
        "archive": {"stop": end},
        "lsn": {"stop": lsn},
        "error": False,
        **other,
    }


LEADER = "host=10.0.0.1 user=replicator"


def newest(
    directory: Path, *backups: dict[str, object], timeline: int = 3, connection: str = LEADER
) -> tuple[int, str]:
    """Exit code and output. + timeline: the leader's"""
    info = json.dumps([{"backup": backups}])
    for name, text in (("psql", PSQL), ("pgbackrest", f"#!/bin/sh\ncat <<'END'\n{info}\nEND\n")):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}", "PLACE": str(directory), "TIMELINE": str(timeline)}
    done = subprocess.run(
        [sys.executable, PROGRAM, "main", connection],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, (done.stdout or done.stderr).strip()


BEFORE = taken("before", 1, 1, "0/4000000")
GIVEN_UP = taken("given-up", 2, 1, "0/5000001")
AFTER = taken("after", 3, 3, "0/8000000")


@pytest.mark.parametrize(
    ("backups", "label"),
    [
        ([BEFORE, GIVEN_UP, AFTER], "after"),
        ([BEFORE, GIVEN_UP], "before"),
        ([BEFORE, taken("beside", 4, 2, "0/6000001")], "before"),
        ([BEFORE, taken("on-the-way", 4, 2, "0/6000000")], "on-the-way"),
        ([BEFORE, taken("damaged", 4, 3, "0/8000000", error=True)], "before"),
    ],
)
def test_the_newest_from_which_wal_leads_to_the_leader(
    tmp_path: Path, backups: list[dict[str, object]], label: str
) -> None:
    assert newest(tmp_path, *backups) == (0, f"1 {label}")


def test_of_two_repositories_the_first_one_is_read(tmp_path: Path) -> None:
    there = {**BEFORE, "label": "there", "database": {"id": 1, "repo-key": 2}}
    assert newest(tmp_path, there, BEFORE) == (0, "1 before")


def test_who_knows_only_the_archive_takes_what_is_on_its_newest_timeline(tmp_path: Path) -> None:
    assert newest(tmp_path, AFTER, taken("late-and-given-up", 9, 1, "0/9000000"), connection="") == (0, "1 after")
    assert newest(tmp_path, connection="") == (1, "no backup leads to timeline 0")
    assert not (tmp_path / "asked").exists()


def test_none_is_taken_where_none_leads_there(tmp_path: Path) -> None:
    """Patroni then copies the leader; a replica that began with this one would never follow."""
    assert newest(tmp_path, GIVEN_UP) == (1, "no backup leads to timeline 3")


def test_a_leader_without_a_history_is_not_asked_for_one(tmp_path: Path) -> None:
    assert newest(tmp_path, BEFORE, GIVEN_UP, timeline=1) == (0, "1 given-up")


def test_the_leader_is_asked_as_one_that_replicates(tmp_path: Path) -> None:
    newest(tmp_path, BEFORE)
    assert (tmp_path / "asked").read_text() == "host=10.0.0.1 user=replicator replication=true\n"


def test_a_leader_that_does_not_say_is_an_error(tmp_path: Path) -> None:
    code, said = newest(tmp_path, BEFORE, timeline=9)
    assert code == 1 and "CalledProcessError" in said
