"""What the repository host says of the backups, and which segments are missing in the archive."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.pgbackrest import PgbackrestInfo
from tests.world.answers import line

# As pgBackRest 2.55.1 prints it.
INFO = (
    '[{"archive":[{"database":{"id":1,"repo-key":1},"id":"17-1","max":"00000001000000000000000A",'
    '"min":"000000010000000000000006"}],"backup":[{"archive":{"start":"000000010000000000000008",'
    '"stop":"000000010000000000000009"},"backrest":{"format":5,"version":"2.55.1"},"database":{"id":1,"repo-key":1},'
    '"error":false,"info":{"delta":23572425,"repository":{"delta":2841728,"delta-map":98},"size":23572425},'
    '"label":"20261121-162003F","lsn":{"start":"0/8000028","stop":"0/8000158"},"prior":null,"reference":null,'
    '"timestamp":{"start":1795278003,"stop":1795278005},"type":"full"}],"cipher":"aes-256-cbc","db":[{"id":1,'
    '"repo-key":1,"system-id":7710658226303488967,"version":"17"}],"name":"main","repo":[{"cipher":"aes-256-cbc",'
    '"key":1,"status":{"code":0,"message":"ok"}}],"status":{"code":0,"lock":{"backup":{"held":false}},"message":"ok"}}]'
)
ATTEMPTS = """\
kind=full
Result=success
ActiveState=inactive
SubState=dead
ExecMainExitTimestamp=@1795278005
words=ERROR: [056]: an older attempt
kind=diff
Result=exit-code
ActiveState=activating
SubState=auto-restart
ExecMainExitTimestamp=@1795278105
words=ERROR: [082]: unable to get lock
kind=incr
Result=success
ActiveState=activating
SubState=start
ExecMainExitTimestamp=
words=
"""


def seen(info: str = INFO, code: int = 0, *more: str) -> Any:
    return PgbackrestInfo().process([line("info", info, code), line("attempts", ATTEMPTS), *more])


def test_a_stanza_with_a_backup() -> None:
    found = seen()
    assert (found["answers"], found["status"], found["message"]) == (True, 0, "ok")
    assert found["identifiers"] == ["7710658226303488967"]
    assert found["archive"] == {"id": "17-1", "min": "000000010000000000000006", "max": "00000001000000000000000A"}
    assert found["running"] is None and found["holes"] is None
    assert found["backups"] == [
        {
            "label": "20261121-162003F",
            "type": "full",
            "started_at": 1795278003,
            "stopped_at": 1795278005,
            "size": 23572425,
            "stored": 2841728,
            "wal_start": "000000010000000000000008",
            "wal_stop": "000000010000000000000009",
            "lsn_stop": 0x8000158,
            "repository": 1,
            "damaged": False,
        }
    ]


def test_how_the_last_attempts_ended() -> None:
    attempts = seen()["attempts"]
    assert attempts["full"] == {"running": False, "failed": False, "ended_at": 1795278005, "error": ""}
    assert attempts["diff"]["failed"] and attempts["diff"]["error"] == "[082]: unable to get lock"
    assert attempts["incr"] == {"running": True, "failed": False, "ended_at": 0, "error": ""}


def test_a_warning_before_the_document_is_no_part_of_it() -> None:
    assert seen(f"WARN: configuration file contains invalid option\n{INFO}")["answers"]


def test_no_stanza_is_an_answer() -> None:
    found = seen('[{"backup":[],"db":[],"name":"x","status":{"code":1,"message":"missing stanza path"}}]')
    assert (found["answers"], found["status"], found["backups"], found["archive"]) == (True, 1, [], None)


def test_a_failure_is_not_an_empty_repository() -> None:
    found = seen("2026-11-21 ERROR: [031]: option 'stanza' is not valid\nHINT: none\n", 31)
    assert (found["answers"], found["status"]) == (False, 99)
    assert found["error"] == "[031]: option 'stanza' is not valid"


def test_a_backup_under_way_says_how_far_it_is() -> None:
    document = json.loads(INFO)
    document[0]["status"]["lock"]["backup"] = {"held": True, "size": 2048, "size-cplt": 512}
    assert seen(json.dumps(document))["running"] == {"done": 512, "total": 2048}


def test_of_what_cannot_be_read_the_repository_s_own_words_count() -> None:
    """pgBackRest's verdict on the stanza is "other" then."""
    status = {"code": 99, "message": "[CryptoError] unable to verify certificate"}
    stanza = {"name": "main", "repo": [{"key": 2, "status": status}], "status": {"code": 99, "message": "other"}}
    found = seen(json.dumps([stanza]))
    assert (found["answers"], found["status"], found["message"]) == (True, 99, status["message"])


def test_silence_has_a_word() -> None:
    assert seen("", 124)["error"] == "no answer in 8 s"


def test_the_second_repository_is_asked_for_by_its_number() -> None:
    command = PgbackrestInfo().command("main", repository=2, wait_for="full", wait_seconds=10)
    assert "--stanza=main --repo=2 " in command
    assert "systemctl show -p SubState pgbackrest-backup@full-repo2.service" in command
    assert "unit=pgbackrest-backup@$kind-repo2.service" in command
    assert "unit=pgbackrest-backup@$kind.service" in PgbackrestInfo().command("main")


def test_the_room_is_asked_for_where_there_is_a_directory() -> None:
    room = line("room", "   Avail 1K-blocks\n 1048576   2097152")
    assert seen(INFO, 0, room)["room"] == {"free_mib": 1024, "total_mib": 2048}
    assert seen(INFO, 0, line("room", "df: /r: No such file or directory", 1))["room"] is None
    assert seen()["room"] is None
    assert "ask room" not in PgbackrestInfo().command("main")
    assert "df --output=avail,size -k -- /r" in PgbackrestInfo().command("main", directory="/r")


def test_half_an_answer_is_none() -> None:
    with pytest.raises(FactProcessError, match="attempts missing"):
        PgbackrestInfo().process([line("info", INFO)])


def test_a_wait_asks_for_the_unit_and_ends() -> None:
    command = PgbackrestInfo().command("main", wait_for="full", wait_seconds=10)
    assert "pgbackrest-backup@full.service | grep -qx 'SubState=start'" in command
    assert "+ 10 ))" in command and "ask archive" not in command


# --- Missing segments, found by the script itself ---


def holes(tmp_path: Path, *segments: str, ends: int = 0, info: int = 0) -> list[tuple[str, str, int]] | None:
    """
    What is missing; None when that is not known.

    + segments: timeline and number in hex, ``8:12``, of the segments that are there; with a ``!`` just stored
    + ends: exit code of the list; + info: of what is asked first
    """
    names = ["archive.info", "17-1/00000002.history", "17-1/0000000100000000/000000010000000000000099.partial-00.zst"]
    listed: dict[str, dict[str, object]] = {"17-1": {"type": "path"}}
    listed |= {name: {"type": "file", "size": 4711, "time": 1795287360} for name in names}
    for timeline, number in (one.rstrip("!").split(":") for one in segments):
        age = 5 if f"{timeline}:{number}!" in segments else 1000
        name = f"17-1/{int(timeline, 16):08X}00000000/{int(timeline, 16):08X}00000000{int(number, 16):08X}"
        listed[f"{name}-{'0' * 40}.zst"] = {"type": "file", "size": 624, "time": int(time.time()) - age}
    runuser = f"""#!/bin/sh
echo "$*" >> {tmp_path}/asked
case "$*" in *repo-ls*) cat {tmp_path}/listed; exit {ends} ;; *) echo '[]'; exit {info} ;; esac
"""
    stubs = {
        "runuser": runuser,
        "timeout": '#!/bin/sh\nshift; exec "$@"\n',
        "systemctl": "#!/bin/sh\necho Result=success; echo SubState=dead\n",
        "journalctl": "#!/bin/sh\n",
    }
    # As pgBackRest prints it: all on one line, without an end.
    (tmp_path / "listed").write_text(json.dumps(listed, separators=(",", ":")))
    for name, text in stubs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    command = PgbackrestInfo().command("main", holes=True)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=path, timeout=300)
    found = PgbackrestInfo().process(said.stdout.splitlines())["holes"]
    if found is None:
        return None
    return [(one["first"][6:8] + ":" + one["first"][22:], one["last"][22:], one["count"]) for one in found]


def test_a_whole_archive_has_no_holes(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:07", "1:08") == []
    assert holes(tmp_path) == []


def test_half_a_list_is_no_list(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:09") != []
    assert holes(tmp_path, "1:06", "1:09", ends=124) is None


def test_a_repository_that_says_nothing_is_not_asked_for_its_segments(tmp_path: Path) -> None:
    """It would be silent once more, until the whole look is given up."""
    assert holes(tmp_path, "1:06", "1:09", info=124) is None
    assert "repo-ls" not in (tmp_path / "asked").read_text()


def test_what_was_never_archived_is_missing(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:09", "1:0A", "1:0C") == [("01:07", "08", 2), ("01:0B", "0B", 1)]


def test_what_is_on_its_way_is_not_missing(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:08!", "1:09!") == []
    assert holes(tmp_path, "1:06", "1:08", "1:0A!") == [("01:07", "07", 1)]
    assert holes(tmp_path, "7:11", "9:13!") == []


def test_a_new_timeline_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:07", "2:07", "2:08") == []
    assert holes(tmp_path, "1:06", "1:07", "2:08") == []


def test_a_switchover_with_a_backlog_leaves_a_hole(tmp_path: Path) -> None:
    assert holes(tmp_path, "7:11", "9:13", "9:14") == [("07:12", "12", 1)]


def test_what_an_old_leader_wrote_beside_the_new_one_does_not_fill_a_hole(tmp_path: Path) -> None:
    assert holes(tmp_path, "1:06", "1:07", "1:08", "2:07", "2:09") == [("02:08", "08", 1)]


def test_255_is_followed_by_the_next_first_half() -> None:
    """Which segment 256 is, PostgreSQL's documentation of pg_walfile_name says."""
    found = seen(INFO, 0, line("archive", "17-1 1 255 256"))["holes"]
    assert [(one["first"], one["last"]) for one in found] == [("0000000100000000000000FF", "000000010000000100000000")]


# Of a repository that another pass phrase wrote it may say a word that no document holds.
@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", "no word"),
        ("[", "["),
        ("[1]", "[1]"),
        ("2026-11-21 16:20:03.000 P00  ERROR: [089]: unable to flush", "[089]: unable to flush"),
        ('[{"name":"main","status":{"code":0', '[{"name":"main","status":{"code":0'),
    ],
)
def test_an_answer_that_is_no_document_is_no_answer(said: str, error: str) -> None:
    found = seen(said)
    assert (found["answers"], found["error"], found["backups"]) == (False, error, [])


def test_a_document_after_warnings_whose_words_go_over_lines() -> None:
    said = seen('WARN: one\n[WARN] two\n[{"name":"main","status":{"code":99,"message":"[CryptoError] a\nHINT: b"}}]')
    assert (said["answers"], said["message"]) == (True, "[CryptoError] a\nHINT: b")
