"""Whether the repository can be used, and what a backup was in words."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.components.pgbackrest_backup import FULL_WORDS
from cluster.measures import size_text
from cluster.plans.backup import (
    backup_lines,
    failure,
    newest,
    progress_line,
    repository_obstacle,
    room_obstacle,
    stanza_is_absent,
    unproven,
)

MIB = 1024 * 1024
BACKUP: dict[str, Any] = {
    "label": "20261121-162003F",
    "type": "full",
    "started_at": 1795278003,
    "stopped_at": 1795278005,
    "size": 23572425,
    "stored": 408,
    "wal_start": "000000010000000000000008",
    "wal_stop": "00000001000000000000000A",
    "damaged": False,
}


def seen(**said: Any) -> Any:
    well = {"answers": True, "error": "", "status": 0, "message": "ok", "identifiers": ["42"], "backups": [BACKUP]}
    return {**well, "archive": None, "running": None, "attempts": {}, "holes": None, "room": None, **said}


def test_a_repository_of_this_cluster_can_be_used() -> None:
    assert repository_obstacle(seen(), "main", "42") is None
    assert repository_obstacle(seen(status=2, message="no valid backups", backups=[]), "main", "42") is None
    assert repository_obstacle(seen(), "main", None) is None


@pytest.mark.parametrize("status", [1, 3])
def test_a_repository_without_the_stanza_is_no_obstacle(status: int) -> None:
    empty = seen(status=status, identifiers=[], backups=[])
    assert stanza_is_absent(empty)
    assert repository_obstacle(empty, "main", "42") is None


def test_silence_is_not_absence() -> None:
    silent = seen(answers=False, error="[055]: unable to load info file", status=99)
    assert not stanza_is_absent(silent)
    assert str(repository_obstacle(silent, "main", "42")) == (
        "the repository does not answer: [055]: unable to load info file\n"
        "HINT: see `journalctl -u pgbackrest` on its host."
    )


def test_another_pass_phrase_is_refused() -> None:
    refused = str(repository_obstacle(seen(status=99, message="[CryptoError] unable to flush"), "main", "42"))
    assert refused is not None
    assert refused.startswith("the repository cannot be used: [CryptoError] unable to flush\nHINT: with another pass")


def test_which_of_two_it_is_stands_in_the_refusal() -> None:
    refused = str(repository_obstacle(seen(answers=False, error="no answer in 8 s"), "main", "42", "the S3 store"))
    assert refused is not None
    assert refused.startswith("the S3 store does not answer: no answer in 8 s\nHINT: see whether")


def test_another_cluster_s_backups_are_never_written_over() -> None:
    refused = str(repository_obstacle(seen(), "main", "43"))
    assert refused is not None
    assert refused.startswith(
        "the repository has the backups of another cluster main (system identifier 42, this one has 43)\nHINT: "
    )


def test_a_repository_in_which_a_segment_fits_is_no_obstacle() -> None:
    assert room_obstacle(seen()) is None, "in a store nobody knows"
    assert room_obstacle(seen(room={"free_mib": 16, "total_mib": 64})) is None
    assert str(room_obstacle(seen(room={"free_mib": 15, "total_mib": 64}))) == (
        "the repository is full: 15 of 64 MiB are left on its file system\n"
        "HINT: enlarge its file system, or keep fewer backups (pgbackrest_retention_full); see docs/runs/backup.md."
    )


def test_a_failure_says_why_and_a_full_repository_what_to_do() -> None:
    assert failure("diff backup", "") == (
        "the diff backup failed: see its last lines above\n"
        "HINT: it is tried again by itself in ten minutes, three times; fix what it says, or run this again."
    )
    assert "three times; enlarge its file system" in failure("full backup", f"{FULL_WORDS}: 0 MiB are left")


def test_wal_that_does_not_arrive_has_the_archiver_s_words_before_pgbackrest_s() -> None:
    check = ["P00   INFO: check", "P00  ERROR: [082]: WAL segment 2A was not archived", "HINT: check archive_command"]
    assert "would be of use: [082]: WAL segment 2A was not archived\nHINT: " in unproven(check, "")
    assert "would be of use: no space left\nHINT: " in unproven(check, "no space left")
    assert "would be of use: it gives no reason\nHINT: " in unproven([], "")


def test_the_newest_is_the_one_that_ended_last() -> None:
    older = {**BACKUP, "label": "older", "stopped_at": 1}
    found = newest(seen(backups=[BACKUP, older]))
    assert found is not None and found["label"] == BACKUP["label"]
    assert newest(seen(backups=[])) is None


def test_a_backup_in_words() -> None:
    assert backup_lines(BACKUP) == [  # type: ignore[arg-type]
        "20261121-162003F  full backup, complete at 2026-11-21 16:20:05 UTC after 2 s",
        "  size  22.5 MiB of data, 0 KiB added to the repository",
        "  WAL   000000010000000000000008 to 00000001000000000000000A",
    ]
    assert "DAMAGED" in backup_lines({**BACKUP, "damaged": True})[-1]  # type: ignore[typeddict-item]


def test_progress_has_a_size_where_pgbackrest_tells() -> None:
    assert progress_line("full backup", seen(), 12.3) == "full backup under way for 12 s"
    running = seen(running={"done": 512 * MIB, "total": 20480 * MIB})
    assert progress_line("full backup", running, 12.3) == "full backup under way for 12 s, 512.0 MiB of 20.0 GiB"


@pytest.mark.parametrize("size, text", [(0, "0 KiB"), (2048, "2 KiB"), (MIB, "1.0 MiB"), (10240 * MIB, "10.0 GiB")])
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
