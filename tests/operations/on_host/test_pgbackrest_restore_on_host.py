"""What the program of a restore does with tablespaces, its functions run as they are."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "operations" / "util" / "on_host" / "pgbackrest_restore.sh"
LINE = '2026-11-21 12:00:00.1 UTC [77] CONTEXT:  WAL redo at 0/59B0AA8 for Tablespace/CREATE: 16421 "{}"\n'
OURS, OTHERS = "PG_17_202406281", "PG_16_202307071"


@dataclass
class Member:
    """A member that is restored. + directory: of everything"""

    directory: Path

    @property
    def space(self) -> Path:
        return self.directory / "srv" / "the young"

    @property
    def admitted(self) -> list[str]:
        path = self.directory / "admitted"
        return path.read_text().splitlines() if path.exists() else []

    def logs(self, text: str) -> None:
        """What PostgreSQL says at its end."""
        (self.directory / "log").write_text(text)

    def call(self, *words: str) -> tuple[int, str]:
        """Call a function of the program. Returns its exit code, and what it complains of."""
        environment = {
            "PATH": f"{self.directory}/path:/usr/bin:/bin",
            "bin": "/usr/lib/postgresql/17/bin",
            "data": str(self.directory / "data"),
        }
        command = ["bash", str(self.directory / "program"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr


@pytest.fixture
def member(tmp_path: Path) -> Member:
    (tmp_path / "program").write_text(PROGRAM.read_text().replace("/run/pgbackrest-restore", str(tmp_path)))
    for name in ("path", "srv", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "path" / "install").write_text('#!/bin/bash\nmkdir "${@: -1}"\n')
    (tmp_path / "path" / "install").chmod(0o755)
    return Member(tmp_path)


def test_a_tablespace_that_replay_cannot_make_gets_its_directory_once(member: Member) -> None:
    """What ends the recovery there again is something else."""
    member.logs("FATAL:  directory does not exist\n" + LINE.format(member.space))
    assert member.call("admitted") == (0, "")
    assert member.space.is_dir() and member.admitted == [str(member.space)]
    assert (member.directory / "log").read_text() == "", "the next cause is not taken for this one"
    member.logs(LINE.format(member.space))
    assert member.call("admitted") == (1, "")


def test_a_directory_that_is_there_and_free_is_taken(member: Member) -> None:
    (member.space / OTHERS).mkdir(parents=True)
    member.logs(LINE.format(member.space))
    assert member.call("admitted")[0] == 0
    assert [path.name for path in member.space.iterdir()] == [OTHERS]


def test_files_of_a_postgresql_are_never_replayed_upon(member: Member) -> None:
    (member.space / OURS).mkdir(parents=True)
    member.logs(LINE.format(member.space))
    code, said = member.call("admitted")
    assert code == 1 and said == (
        f"ERROR: a tablespace is to be made in {member.space}, where a PostgreSQL's files are: move them away\n"
    )
    assert member.admitted == []


def test_any_other_end_of_a_recovery_is_its_end(member: Member) -> None:
    member.logs("FATAL:  recovery ended before configured recovery target was reached\n")
    assert member.call("admitted") == (1, "")


def test_a_further_try_begins_with_what_the_backup_has(member: Member) -> None:
    """Files that an earlier one made in other tablespaces go; those of another version are somebody else's."""
    old = member.directory / "srv" / "old"
    for version in (OURS, OTHERS):
        (member.space / version).mkdir(parents=True)
    (member.directory / "tablespaces").write_text(f"{old}\n")
    (member.directory / "admitted").write_text(f"{member.space}\n")
    assert member.call("spaces_made") == (0, "")
    assert old.is_dir() and [path.name for path in member.space.iterdir()] == [OTHERS]


def test_what_is_above_a_tablespace_is_not_made_up(member: Member) -> None:
    (member.directory / "tablespaces").write_text(f"{member.directory}/lost/old\n")
    code, said = member.call("spaces_made")
    assert code == 1 and said.startswith(f"ERROR: there is no directory above {member.directory}/lost/old")
