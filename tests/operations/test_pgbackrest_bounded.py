"""The script between PostgreSQL and pgBackRest, run as it is with a pgBackRest that does what it is told."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster.components.pgbackrest import BOUNDED, NEWEST_SET, SPOOL
from cluster.components.pgbackrest_files import pgbackrest_component
from cluster.secrets.secrets import Secret
from tests.cluster.components.test_pgbackrest import cluster_of

PGBACKREST = """#!/bin/bash
echo "$*" >> "$LOG"
for word in $SLOW; do case "$*" in *$word*) sleep 30 ;; esac; done
exit "${CODE:-0}"
"""
NEWEST = """#!/bin/bash
echo "newest $*" >> "$LOG"
[ "$2" != 'host=nobody' ] || exit 1
echo 2 20261121-110000F
"""


@dataclass
class Place:
    """A data directory, a spool and a repository that can be turned off. + directory: of all of it"""

    directory: Path
    repository: socket.socket
    waiting: list[socket.socket] = field(default_factory=list)

    def turn_off(self) -> None:
        """Nobody listens there any more, and the port is not given to another test that asks for a free one."""
        place = self.repository.getsockname()
        self.repository.close()
        self.repository = socket.socket()
        self.repository.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.repository.bind(place)

    def silence(self) -> None:
        """It is there no more, and nobody says so: whoever asks gets no answer at all, as from a host without power."""
        self.repository.listen(0)
        for _ in range(4):  # when nobody takes the first, the kernel drops what the next ones send
            self.waiting.append(socket.socket())
            self.waiting[-1].setblocking(False)
            self.waiting[-1].connect_ex(self.repository.getsockname())

    def stop_postgres(self) -> None:
        """As PostgreSQL marks itself when it goes down."""
        (self.directory / "postmaster.pid").write_text("1\n" * 7 + "stopping\n")

    def run(self, *words: str, code: int = 0, slow: str = "") -> tuple[int, float]:
        """Run the script. Returns its exit code, and how long it took. + code: of pgBackRest; + slow: what hangs"""
        began = time.monotonic()
        environment = {
            "PATH": f"{self.directory}:{os.environ['PATH']}",
            "LOG": str(self.directory / "log"),
            "CODE": str(code),
            "SLOW": slow,
        }
        done = subprocess.run(
            [str(self.directory / "bounded"), *words], cwd=self.directory, env=environment, timeout=300
        )
        return done.returncode, time.monotonic() - began

    @property
    def asked(self) -> list[str]:
        """What pgBackRest was asked for."""
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    listening = socket.create_server(("127.0.0.1", 0))
    cluster = cluster_of()
    files = pgbackrest_component(cluster, cluster.node("pg1"), Secret("x")).files
    text = next(file.content for file in files if file.path == BOUNDED)
    text = text.replace("10.0.0.3/8432", f"127.0.0.1/{listening.getsockname()[1]}").replace(SPOOL, str(tmp_path))
    text = text.replace(NEWEST_SET, str(tmp_path / "newest"))
    for old, new in (("seconds=15", "seconds=2"), ("seconds=5", "seconds=1"), ("timeout -k 1 5", "timeout -k 1 1")):
        assert old in text
        text = text.replace(old, new)
    for name, content in (("bounded", text), ("pgbackrest", PGBACKREST), ("newest", NEWEST)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "postmaster.pid").write_text("1\n" * 7 + "ready\n")
    (tmp_path / "pg_wal" / "archive_status").mkdir(parents=True)
    place = Place(tmp_path, listening)
    yield place
    for one in (listening, *place.waiting):
        one.close()


def test_passes_on_what_postgresql_asks(place: Place) -> None:
    assert place.run("push", "pg_wal/1")[0] == 0
    assert place.run("get", "00000002.history", "pg_wal/RECOVERYHISTORY")[0] == 0
    assert place.asked == [
        "--stanza=main archive-push pg_wal/1",
        "--stanza=main archive-get 00000002.history pg_wal/RECOVERYHISTORY",
    ]


def test_a_replica_begins_with_the_backup_that_leads_to_its_leader(place: Place) -> None:
    assert (
        place.run("clone", "--keep_data=True", "--role=replica", "--connstring=host=10.0.0.1 user=replicator")[0] == 0
    )
    asked, restored = place.asked
    assert asked == "newest main host=10.0.0.1 user=replicator"
    assert "--delta --type=standby --repo=2 --set=20261121-110000F " in restored and restored.endswith(" restore")


def clone(place: Place, code: int = 0) -> int:
    return place.run("clone", f"--datadir={place.directory}/data", "--connstring=host=10.0.0.1", code=code)[0]


@pytest.mark.parametrize("code", [0, 1])
def test_what_lies_in_tablespaces_that_the_copy_does_not_have_is_gone_before_the_wal_makes_them(
    place: Place, code: int
) -> None:
    """pgBackRest takes the link of such a one away. Files of another version are somebody else's."""
    data = place.directory / "data"
    for name in ("old", "young"):
        for version in ("PG_17_202406281", "PG_16_202307071"):
            (place.directory / name / version).mkdir(parents=True)
        (data / "pg_tblspc").mkdir(parents=True, exist_ok=True)
        (data / "pg_tblspc" / f"1638{len(name)}").symlink_to(place.directory / name)
    text = PGBACKREST.replace("exit", f"rm {data}/pg_tblspc/16385\nexit")
    (place.directory / "pgbackrest").write_text(text)
    assert clone(place, code) == code
    left = sorted(str(path.relative_to(place.directory)) for path in place.directory.glob("*/PG_*"))
    assert left == ["old/PG_16_202307071", "old/PG_17_202406281", "young/PG_16_202307071"]


def test_a_copy_that_was_cut_off_is_gone_on_with_by_one_that_still_knows_them(place: Place) -> None:
    (place.directory / "young" / "PG_17_202406281").mkdir(parents=True)
    (place.directory / "former-tablespaces").write_text(f"{place.directory}/young\n")
    assert clone(place) == 0
    assert list((place.directory / "young").iterdir()) == []
    assert not (place.directory / "former-tablespaces").exists()


def test_without_such_a_backup_patroni_takes_its_next_way(place: Place) -> None:
    assert place.run("clone", "--connstring=host=nobody")[0] == 1
    assert place.asked == ["newest main host=nobody"]


def test_asks_nobody_when_the_repository_does_not_answer(place: Place) -> None:
    place.turn_off()
    for words in (("push", "pg_wal/1"), ("get", "a", "b"), ("clone",)):
        code, seconds = place.run(*words)
        assert code == 1 and seconds < 2
    assert place.asked == []


def test_asks_nobody_when_the_repository_says_nothing(place: Place) -> None:
    place.silence()
    for words in (("push", "pg_wal/1"), ("get", "a", "b"), ("clone",)):
        assert place.run(*words)[0] == 1
    place.stop_postgres()
    assert place.run("push", "pg_wal/1")[0] == 255
    assert place.asked == []


# What Debian 13's rust-coreutils make of "timeout -k 1 SECONDS ..." that runs out.
RUST_TIMEOUT = """#!/bin/bash
exit 125
"""


def test_a_silence_is_one_whatever_timeout_says_of_it(place: Place) -> None:
    (place.directory / "timeout").write_text(RUST_TIMEOUT)
    (place.directory / "timeout").chmod(0o755)
    assert place.run("get", "a", "b")[0] == 1
    assert (place.directory / "repository-is-silent").exists()


def test_after_a_silence_nobody_tries_for_a_while(place: Place) -> None:
    """A promotion asks several times, and each try may cost a second."""
    assert place.run("get", "a", "b", slow="archive-get")[0] == 1
    assert place.run("get", "a", "b")[0] == 1
    assert len(place.asked) == 1
    long_ago = time.time() - 60
    os.utime(place.directory / "repository-is-silent", (long_ago, long_ago))
    assert place.run("get", "a", "b")[0] == 0


def test_a_call_that_hangs_is_ended(place: Place) -> None:
    for words in (("push", "pg_wal/1"), ("get", "a", "b")):
        (place.directory / "repository-is-silent").unlink(missing_ok=True)
        code, seconds = place.run(*words, slow=f"archive-{words[0]}")
        assert code == 1 and seconds < 10


@pytest.mark.parametrize("code", [1, 41, 103, 137, 255])
def test_no_failure_of_a_restore_command_may_stop_postgresql(place: Place, code: int) -> None:
    """Above 125 it would: the startup process ends, and with it the server."""
    assert place.run("get", "a", "b", code=code)[0] == 1


@pytest.mark.parametrize("code", [45, 103, 255])
def test_an_archiver_that_goes_on_tries_again(place: Place, code: int) -> None:
    assert place.run("push", "pg_wal/1", code=code)[0] == 1


def test_an_archiver_that_stops_is_held_up_by_nothing(place: Place) -> None:
    place.stop_postgres()
    assert place.run("push", "pg_wal/1", code=0)[0] == 0
    assert place.run("push", "pg_wal/1", code=103)[0] == 255
    place.turn_off()
    assert place.run("push", "pg_wal/1")[0] == 255


def test_an_archiver_that_stops_waits_less_for_a_store_that_hangs(place: Place) -> None:
    """A switchover waits for it, and the segment follows after the next start."""
    waited = place.run("push", "pg_wal/1", slow="archive-push")
    (place.directory / "repository-is-silent").unlink()
    place.stop_postgres()
    stopping = place.run("push", "pg_wal/1", slow="archive-push")
    assert (waited[0], stopping[0]) == (1, 255)
    assert stopping[1] < waited[1]


# --- What the former leader could not archive ---


def segment(place: Place, name: str, mark: str | None) -> None:
    (place.directory / "pg_wal" / name).touch()
    if mark is not None:
        (place.directory / "pg_wal" / "archive_status" / f"{name}.{mark}").touch()


def unfinished(place: Place) -> str | None:
    """Up to which history it has to catch up; None when it has."""
    path = place.directory / "catch-up-until"
    return path.read_text().strip() if path.exists() else None


def begin(place: Place, history: str = "00000009.history") -> None:
    (place.directory / "catch-up-until").write_text(f"{history}\n")


def caught_up(place: Place) -> list[str]:
    begin(place)
    place.run("catch-up")
    return [line.rpartition("/")[2] for line in place.asked if "--no-archive-async" in line]


def test_a_new_leader_archives_what_is_left_of_older_timelines(place: Place) -> None:
    segment(place, "000000070000000000000011", "done")
    segment(place, "000000080000000000000012", "ready")
    segment(place, "000000090000000000000013", "done")  # its own, which the archiver does
    segment(place, "000000080000000000000013.partial", "done")
    segment(place, "00000008.history", "done")
    segment(place, "000000080000000000000020", None)  # an old file with a name for later
    assert caught_up(place) == ["000000070000000000000011", "000000080000000000000012"]
    assert unfinished(place) is None


def test_one_that_cannot_be_archived_keeps_no_other_from_it(place: Place) -> None:
    for number in range(3):
        segment(place, f"00000008000000000000001{number}", "done")
    begin(place)
    place.run("catch-up", code=45)
    assert len(place.asked) == 3
    assert unfinished(place) is None, "the archive has another file of that name, and always will"


def test_the_history_of_a_new_leader_begins_it_in_the_background(place: Place) -> None:
    segment(place, "000000080000000000000012", "done")
    code, seconds = place.run("push", "pg_wal/00000009.history", slow="--no-archive-async")
    assert code == 0 and seconds < 5
    end = time.monotonic() + 10
    while len(place.asked) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert place.asked[1].endswith("archive-push pg_wal/000000080000000000000012")


@pytest.mark.parametrize("code", [56, 103])
def test_what_was_cut_off_goes_on_with_the_next_segment(place: Place, code: int) -> None:
    segment(place, "000000080000000000000012", "done")
    begin(place)
    place.run("catch-up", code=code)
    assert unfinished(place) == "00000009.history"
    place.run("push", "pg_wal/000000090000000000000014")
    wait_until_caught_up(place)
    assert place.asked[-1].endswith("archive-push pg_wal/000000080000000000000012")


def test_a_repository_that_falls_silent_is_not_asked_for_every_segment(place: Place) -> None:
    for number in range(3):
        segment(place, f"00000008000000000000001{number}", "done")
    begin(place)
    place.turn_off()
    assert place.run("catch-up")[0] == 1
    assert place.asked == [] and unfinished(place) == "00000009.history"


def wait_until_caught_up(place: Place) -> None:
    end = time.monotonic() + 10
    while unfinished(place) is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert unfinished(place) is None


def test_another_word_is_refused(place: Place) -> None:
    assert place.run("restore")[0] == 2
