"""Why WAL does not reach the archive: pgBackRest's own words as they were recorded, and whose are the newest."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from facts.pgbackrest_archiver import PgbackrestArchiver

NO_ROOM = """\
104
raised from local-1 protocol: archive-push command encountered error(s):
repo1: [FileWriteError] raised from remote-1 tls protocol on '10.82.1.21': unable to write '/r/0009.zst.tmp': [28] No \
space left on device
    [CommandError] on retry at 59ms: archive-push command encountered error(s):
repo1: [FileWriteError] raised from remote-1 tls protocol on '10.82.1.21': unable to write '/r/0009.zst.tmp': [28] No \
space left on device
"""
NO_STANZA = """\
103
raised from local-1 protocol: unable to find a valid repository:
repo1: [FileMissingError] raised from remote-0 tls protocol on '10.0.0.4': unable to load info file '/r/archive.info':
HINT: archive.info cannot be opened but is required to push/get WAL segments.
"""
SILENT = "the repository does not answer"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (NO_ROOM, "unable to write '/r/0009.zst.tmp': [28] No space left on device"),
        (NO_STANZA, "unable to load info file '/r/archive.info':"),
        (SILENT, SILENT),
        ("", ""),
    ],
)
def test_the_last_sentence_that_tells_of_an_error(said: str, meaning: str) -> None:
    assert PgbackrestArchiver().process(["tried", *said.splitlines()]) == meaning


def asked(spool: Path) -> str:
    """What the fact says of a spool directory."""
    command = PgbackrestArchiver().command("main").replace("/var/spool/pgbackrest", str(spool))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return PgbackrestArchiver().process(done.stdout.splitlines())


def left(path: Path, text: str, minutes_ago: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - 60 * minutes_ago
    os.utime(path, (then, then))


def test_nothing_is_known_where_nothing_failed(tmp_path: Path) -> None:
    assert asked(tmp_path) == asked(tmp_path / "absent") == ""


def test_the_newest_of_all_traces_counts(tmp_path: Path) -> None:
    left(tmp_path / "archive/main/out/0009.error", NO_STANZA, minutes_ago=9)
    left(tmp_path / "archive/main/out/000A.error", NO_ROOM, minutes_ago=1)
    left(tmp_path / "archive/other/out/000B.error", "another stanza's", minutes_ago=0)
    assert asked(tmp_path).endswith("No space left on device")
    left(tmp_path / "repository-is-silent", "", minutes_ago=0.5)
    assert asked(tmp_path) == SILENT


def test_a_silence_that_is_over_explains_nothing(tmp_path: Path) -> None:
    left(tmp_path / "repository-is-silent", "", minutes_ago=5)
    assert asked(tmp_path) == ""
