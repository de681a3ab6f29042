"""
The program of a restore drill, run as it is. pgBackRest and PostgreSQL's programs are stand-ins that say what a test
tells them; what they really say is tried on the lab's hosts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "pgbackrest_drill.py"
IDENTIFIER = "7710689947886920707"
NEWEST, OLDER = "20261121-181519F", "20261114-181519F"
CONTROL = """\
Database system identifier:           7710689947886920707
Bytes per WAL segment:                16777216
Data page checksum version:           1
max_prepared_xacts setting:           7
max_locks_per_xact setting:           64
"""
CONTENTS = {"bytes": 7763635, "relations": 272, "rows": 21155, "files": {"base/5/16384": "app.public.orders"}}

# Every stand-in writes down its words; what it says and its exit code lie in a file, by its name or its last word.
STAND_IN = r"""#!/bin/bash
name=${0##*/}
echo "$name $*" >> "$D/asked"
[ "$name" != pgbackrest ] || { for word in info restore verify; do [[ " $* " != *" $word "* ]] || name=$word; done; }
[ "$name" != psql ] || case "$*" in *pg_last_wal*) name=here ;; *datallowconn*) name=databases ;; esac
[ "$name" != psql ] || [[ "$*" != *"-d broken "* ]] || { echo "FATAL:  database is missing" ; exit 2; }
[ ! -e "$D/$name" ] || cat "$D/$name"
exit "$(cat "$D/$name.code" 2>/dev/null || echo 0)"
"""
POSTGRES = r"""#!/bin/bash
echo "postgres $*" >> "$D/asked"
[ ! -e "$D/dies" ] || { cat "$D/dies"; exit 1; }
[ ! -e "$D/tablespace" ] || {
  where=$(cat "$D/tablespace")
  [ -d "$where" ] || { printf 'FATAL:  directory "%s" does not exist\n' "$where"; printf \
    'CONTEXT:  WAL redo at 0/59B0AA8 for Tablespace/CREATE: 16421 "%s"\n' "$where"; exit 1; }
  readlink "$where" > "$D/led"
}
ls "$2" > "$D/files"
printf '1\n2\n3\n4\n5\n6\n7\nready   \n' > "$2/postmaster.pid"
trap 'echo stopped >> "$D/asked"; kill $!; exit 0' INT
sleep 60 &
wait $!
"""


@dataclass
class Place:
    """A repository host. + directory: of everything; + backups: what the stanza has, newest last"""

    directory: Path
    backups: list[dict[str, Any]] = field(default_factory=list)
    archived: str = "000000010000000000000006"

    def says(self, name: str, text: str, code: int = 0) -> None:
        """What a stand-in answers from now on."""
        (self.directory / name).write_text(text)
        (self.directory / f"{name}.code").write_text(str(code))

    def ask(self, label: str | None = None, living: Any = None, age: int = 0) -> None:
        """What a run asks for. + age: in seconds"""
        path = self.directory / "proofs" / "request.json"
        path.write_text(json.dumps({"label": label, "living": living}))
        os.utime(path, (time.time() - age,) * 2)

    def run(self, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
        """Run the program. Returns its exit code and the newest proof."""
        stanza = {
            "archive": [{"database": {"id": 1}, "max": self.archived}],
            "backup": self.backups,
            "db": [{"id": 1, "system-id": int(IDENTIFIER)}],
        }
        self.says("info", "WARN: something\n" + json.dumps([stanza]))
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(self.directory / "place.json"), *words],
            env={
                "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
                "D": str(self.directory),
                "DRILL_IS_ALONE": "yes",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stderr == ""
        return done.returncode, self.proofs()[-1] if self.proofs() else {}

    def proofs(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted((self.directory / "proofs").glob("*Z.json"))]

    @property
    def asked(self) -> list[str]:
        return (self.directory / "asked").read_text().splitlines()

    @property
    def left(self) -> list[str]:
        """What lies where the copy was, and where its socket was."""
        return [path.name for name in ("copies", "run") for path in (self.directory / name).iterdir()]


def a_backup(label: str, stopped_at: int, **said: Any) -> dict[str, Any]:
    return {
        "label": label,
        "type": "full",
        "database": {"id": 1},
        "timestamp": {"start": stopped_at - 3, "stop": stopped_at},
        "info": {"size": 31084434},
        "archive": {"start": "000000010000000000000003", "stop": "000000010000000000000004"},
        "database-ref": [{"name": "app", "oid": 16388}, {"name": "postgres", "oid": 5}],
        "error": False,
        **said,
    }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("bin", "copies", "proofs", "run"):
        (tmp_path / name).mkdir()
    for name in ("pgbackrest", "psql", "pg_controldata", "pg_amcheck", "pg_checksums"):
        (tmp_path / "bin" / name).write_text(STAND_IN)
    (tmp_path / "bin" / "postgres").write_text(POSTGRES)
    for path in (tmp_path / "bin").iterdir():
        path.chmod(0o755)
    values = {
        "stanza": "main",
        "configuration": "/etc/pgbackrest/drill.conf",
        "programs": str(tmp_path / "bin"),
        "scratch": str(tmp_path / "copies" / "scratch"),
        "proofs": str(tmp_path / "proofs"),
        "request": str(tmp_path / "proofs" / "request.json"),
        "runtime": str(tmp_path / "run"),
        "settings": "/usr/local/lib/pgbackrest-drill/postgresql.conf",
        "process_max": 2,
        "core_part": 2,
    }
    (tmp_path / "place.json").write_text(json.dumps(values))
    place = Place(tmp_path, [a_backup(OLDER, 1000), a_backup(NEWEST, 2000)])
    place.says("pg_controldata", CONTROL)
    place.says("here", json.dumps({"lsn": "0/7000000", "at": "2026-11-21T18:16:13+00:00"}))
    place.says("databases", json.dumps({"app": 16388, "postgres": 5}))
    place.says("psql", json.dumps(CONTENTS))
    return place


def reasons(place: Place, *, verdict: str = "failed") -> list[str]:
    """Why a drill did not pass; nothing stays behind even then."""
    code, proof = place.run()
    assert (code, proof["verdict"]) == (1, verdict)
    assert place.left == []
    return list(proof["reasons"])


def test_the_newest_backup_is_proven(place: Place) -> None:
    code, proof = place.run()
    assert (code, proof["verdict"], proof["label"], proof["reasons"]) == (0, "passed", NEWEST, [])
    assert proof["databases"]["app"] == {"bytes": 7763635, "relations": 272, "rows": 21155}
    words = "2 databases, 544 relations, 14.8 MiB, WAL replayed to 0/7000000"
    assert proof["line"].endswith(f"{NEWEST}  PASSED in {proof['ended_at'] - proof['began_at']} s: {words}")
    assert (place.directory / "proofs" / "proofs.txt").read_text() == proof["line"] + "\n"
    assert list(proof["seconds"]) == [
        *("choice", "room", "restore", "recovery", "contents", "amcheck", "checksums", "verify"),
    ]
    assert place.left == []


def test_the_copy_has_nothing_of_the_cluster_s_own(place: Place) -> None:
    """Neither its settings nor its tablespaces' places, and of its limits only what recovery needs."""
    place.run()
    (restored,) = (one for one in place.asked if one.endswith(" restore"))
    assert f"--set={NEWEST} --type=default --process-max=2 " in restored
    assert f"--tablespace-map-all={place.directory}/copies/scratch/tablespaces " in restored
    (server,) = (one for one in place.asked if one.startswith("postgres "))
    assert "config_file=/usr/local/lib/pgbackrest-drill/postgresql.conf" in server
    assert "max_prepared_transactions=7" in server and "recovery_target" not in server


def test_a_tablespace_that_the_backup_does_not_know_gets_a_directory_of_the_copy_s(place: Place) -> None:
    location = place.directory / "srv" / "fast" / "young"
    (place.directory / "tablespace").write_text(str(location))
    code, proof = place.run()
    assert (code, proof["verdict"]) == (0, "passed"), proof["reasons"]
    led = (place.directory / "led").read_text().strip()
    assert led == f"{place.directory}/copies/scratch/tablespaces/16421"
    assert any(str(location) in note for note in proof["notes"])


def test_nothing_is_said_of_a_backup_whose_tablespace_finds_no_free_place(place: Place) -> None:
    """A file is in the way; so is whatever is not to be written."""
    (place.directory / "srv").write_text("taken")
    location = f"{place.directory}/srv/young"
    (place.directory / "tablespace").write_text(location)
    (reason,) = reasons(place, verdict="undecided")
    assert f"the tablespace in {location} was made after the backup" in reason and "take another backup" in reason


def test_a_tablespace_of_the_backup_is_led_to_the_files_that_were_restored(place: Place) -> None:
    """Its WAL may make it again, and then names the cluster's directory."""
    location = f"{place.directory}/srv/old"
    (place.directory / "tablespace").write_text(location)
    place.backups[-1]["tablespace"] = [{"name": "old", "oid": 16400, "destination": location}]
    code, proof = place.run()
    assert (code, proof["notes"]) == (0, [])
    led = (place.directory / "led").read_text().strip()
    assert led == f"{place.directory}/copies/scratch/tablespaces/old"


def test_a_unit_that_sees_the_host_s_directories_is_refused(place: Place) -> None:
    code, proof = place.run(DRILL_IS_ALONE="")
    assert (code, proof["verdict"]) == (1, "undecided")
    assert "run deploys/cluster.py" in proof["reasons"][0]
    assert not (place.directory / "asked").exists()


def test_it_is_stopped_before_its_pages_are_read(place: Place) -> None:
    place.run()
    order = [one.split()[0] for one in place.asked]
    assert order.index("pg_amcheck") < order.index("stopped") < order.index("pg_checksums")


def test_an_older_backup_is_recovered_to_its_own_end(place: Place) -> None:
    place.ask(label=OLDER)
    place.says("here", json.dumps({"lsn": "0/4000100", "at": None}))
    code, proof = place.run()
    assert (code, proof["label"], proof["newest"]) == (0, OLDER, False)
    (server,) = (one for one in place.asked if one.startswith("postgres "))
    assert "recovery_target=immediate" in server and "recovery_target_action=promote" in server


def test_a_request_counts_once_and_not_for_long(place: Place) -> None:
    place.ask(label=OLDER, age=3600)
    assert place.run()[1]["label"] == NEWEST
    assert not (place.directory / "proofs" / "request.json").exists()


def test_a_label_that_is_not_there_comes_to_no_verdict(place: Place) -> None:
    place.ask(label="gone")
    (reason,) = reasons(place, verdict="undecided")
    assert reason == f"choice: backup gone is not there; there are: {OLDER}, {NEWEST}"


def test_a_repository_without_a_backup_comes_to_no_verdict(place: Place) -> None:
    place.backups = []
    assert reasons(place, verdict="undecided") == ["choice: backup  is not there; there are: none"]


def test_a_disk_without_room_is_refused_before_anything_is_restored(place: Place) -> None:
    place.backups = [a_backup(NEWEST, 2000, info={"size": 10**15})]
    (reason,) = reasons(place, verdict="undecided")
    assert f" MiB are free for {place.directory}/copies; 1049043796 are needed for a copy of 953674316 MiB" in reason
    assert not [one for one in place.asked if " restore" in one]


def test_what_was_found_is_a_failure_however_the_drill_ends(place: Place) -> None:
    place.backups = [a_backup(NEWEST, 2000, error=True, info={"size": 10**15})]
    found, room = reasons(place)
    assert found.startswith("choice: ") and room.startswith("room: ")


def test_a_restore_that_fails_is_named_and_the_repository_looked_through(place: Place) -> None:
    text = "unable to open missing file '/r/bundle/1' for read"
    noise = f"{' ' * 12}[FileMissingError] on 2 retries from 10-15011ms: {text}"
    place.says("restore", f"P00  ERROR: [055]: raised from local-1 protocol: {text}\n{noise}\n", 55)
    missing = "P01   INFO: file missing 'x/bundle/1'\n"
    place.says("verify", f"{missing}{missing}stanza: main\nstatus: error\n")
    assert reasons(place) == [f"restore: [055]: {text}", "verify: file missing 'x/bundle/1'"]


def test_a_recovery_that_ends_early_names_the_segment(place: Place) -> None:
    place.says(
        "dies",
        "P00   INFO: unable to find 000000010000000000000004 in the archive\n"
        "2026-11-21 18:31:45 UTC [1] FATAL:  WAL ends before end of online backup\n",
    )
    reason = "recovery: WAL ends before end of online backup; 000000010000000000000004 is not in the archive"
    assert reasons(place) == [reason]


@pytest.mark.parametrize(
    ("lsn", "archived", "missing"),
    [
        ("0/6000000", "000000010000000000000006", "0000000000000006"),
        ("0/FF000000", "0000000200000001000000FF", "00000000000000FF"),
        ("1/0", "000000010000000100000000", "0000000100000000"),
    ],
)
def test_wal_that_is_not_replayed_is_named(place: Place, lsn: str, archived: str, missing: str) -> None:
    place.archived = archived
    place.says("here", json.dumps({"lsn": lsn, "at": None}))
    (reason,) = reasons(place)
    assert reason.startswith(f"recovery: the backup is usable, but replay ended at {lsn} and the archive has WAL to ")
    assert f"{archived}: see {missing};" in reason


@pytest.mark.parametrize(
    ("lsn", "archived"), [("0/7000000", "000000010000000000000006"), ("1/0", "0000000100000000000000FF")]
)
def test_a_segment_is_replayed_when_its_end_is_reached(place: Place, lsn: str, archived: str) -> None:
    place.archived = archived
    place.says("here", json.dumps({"lsn": lsn, "at": None}))
    assert place.run()[0] == 0


def test_another_cluster_s_data_is_no_proof(place: Place) -> None:
    place.says("pg_controldata", CONTROL.replace(IDENTIFIER, "42"))
    assert reasons(place) == [f"recovery: system identifier 42, expected is {IDENTIFIER}"]


def test_pages_that_pgbackrest_found_wrong_are_a_reason(place: Place) -> None:
    words = "choice: pgBackRest found pages with a wrong checksum when it took this backup, in"
    place.backups = [a_backup(NEWEST, 2000, **{"error": True, "error-list": ["base/5/1", "base/5/2"]})]
    assert reasons(place) == [f"{words} base/5/1; base/5/2"]
    place.backups = [a_backup(NEWEST, 2000, error=True)]
    assert reasons(place) == [f"{words} files that its log names"]


def test_a_database_that_cannot_be_entered_hides_no_other_reason(place: Place) -> None:
    place.says("databases", json.dumps({"app": 16388, "broken": 16400}))
    place.says("pg_amcheck", 'btree index "app.pg_catalog.x":\n    ERROR:  item order invariant violated\n', 2)
    first, second = reasons(place)
    assert first == "contents: database broken: database is missing"
    assert second == 'amcheck: btree index "app.pg_catalog.x": item order invariant violated'


def test_a_page_with_a_wrong_checksum_is_named_with_its_table(place: Place) -> None:
    path = f"{place.directory}/copies/scratch/data/base/5/16384.1"
    where = f'checksum verification failed in file "{path}", block 3'
    text = f"pg_checksums: error: {where}: calculated checksum 1 but block contains 2\n"
    place.says("pg_checksums", text, 1)
    assert reasons(place) == ["checksums: app.public.orders (base/5/16384.1), block 3: wrong checksum"]


def test_a_cluster_without_checksums_passes_with_a_word(place: Place) -> None:
    place.says("pg_controldata", CONTROL.replace("version:           1", "version:           0"))
    code, proof = place.run()
    assert code == 0
    assert proof["notes"] == ["the cluster has no data checksums: a flipped bit in a value goes unnoticed"]
    assert not [one for one in place.asked if one.startswith("pg_checksums")]


@pytest.mark.parametrize("said", ["stanza: main\nstatus: ok\n", "", "P00   INFO: verify command end: completed\n"])
def test_a_repository_that_is_well_may_say_nothing(place: Place, said: str) -> None:
    place.says("verify", said)
    assert place.run()[0] == 0


def test_a_verify_that_cannot_be_done_is_a_reason(place: Place) -> None:
    place.says("verify", "P00  ERROR: [103]: unable to connect\n", 103)
    assert reasons(place) == ["verify: [103]: unable to connect"]


# --- The living cluster ---


def living(identifier: str = IDENTIFIER, **databases: tuple[int, int]) -> dict[str, Any]:
    found = {name: {"oid": oid, "bytes": size} for name, (oid, size) in databases.items()}
    return {"in_recovery": False, "identifier": identifier, "databases": found}


def test_a_living_database_that_was_backed_up_has_to_be_in_the_copy(place: Place) -> None:
    place.says("databases", json.dumps({"postgres": 5}))
    place.ask(living=living(app=(16388, 7763635), postgres=(5, 7763635)))
    reason = "contents: database app lives, was there at the time of the backup, and is not in the copy"
    assert reasons(place) == [reason]
    assert place.proofs()[-1]["notes"] == []


def test_one_that_came_later_or_was_made_anew_need_not(place: Place) -> None:
    place.says("databases", json.dumps({"postgres": 5}))
    place.ask(living=living(app=(20000, 7763635), new=(20001, 7763635), postgres=(5, 7763635)))
    assert place.run()[0] == 0


def test_a_database_that_was_dropped_since_the_backup_is_worth_a_word(place: Place) -> None:
    place.says("databases", json.dumps({"postgres": 5}))
    code, proof = place.run()
    note = "database app was there at the time of the backup, and was dropped since"
    assert (code, proof["notes"]) == (0, [note])


def test_another_living_cluster_is_no_proof(place: Place) -> None:
    place.ask(living=living("42", app=(16388, 7763635)))
    assert reasons(place) == [f"contents: this is {IDENTIFIER}, the living cluster is 42"]


def test_sizes_that_differ_much_are_worth_a_word_and_no_more(place: Place) -> None:
    place.ask(living=living(app=(16388, 900 * 2**20), postgres=(5, 9 * 2**20)))
    code, proof = place.run()
    assert (code, proof["notes"]) == (0, ["app lives with 900 MiB, its copy has 7"])


# --- The end ---


def test_one_that_was_killed_gets_its_proof_and_its_copy_goes(place: Place) -> None:
    (place.directory / "copies" / "scratch" / "data").mkdir(parents=True)
    under_way = {"label": NEWEST, "began_at": 1795285803, "step": "restore", "seconds": {}, "reasons": []}
    (place.directory / "run" / "under-way.json").write_text(json.dumps(under_way))
    code, proof = place.run("clean", EXIT_CODE="killed", EXIT_STATUS="KILL")
    assert (code, proof["verdict"], proof["label"]) == (0, "undecided", NEWEST)
    assert proof["reasons"] == ["restore: the drill was ended from outside (killed KILL)"]
    assert place.left == []


def test_one_that_was_killed_after_it_had_found_something_has_failed(place: Place) -> None:
    under_way = {"label": NEWEST, "began_at": 1795285803, "step": "amcheck", "seconds": {}, "reasons": ["x"]}
    (place.directory / "run" / "under-way.json").write_text(json.dumps(under_way))
    assert place.run("clean")[1]["verdict"] == "failed"


def test_after_a_whole_drill_there_is_nothing_to_clean(place: Place) -> None:
    place.run()
    before = place.proofs()
    place.run("clean")
    assert place.proofs() == before


def test_what_an_earlier_one_left_is_in_nobody_s_way(place: Place) -> None:
    (place.directory / "copies" / "scratch" / "data" / "base").mkdir(parents=True)
    assert place.run()[0] == 0


def test_the_oldest_proofs_go(place: Place) -> None:
    for number in range(60):
        path = place.directory / "proofs" / f"202501{number % 30 + 1:02}T{number:06}Z.json"
        path.write_text(json.dumps({"line": f"old {number}"}))
    place.run()
    assert len(place.proofs()) == 50
    assert place.proofs()[-1]["label"] == NEWEST
    assert len((place.directory / "proofs" / "proofs.txt").read_text().splitlines()) == 50
