"""The stanza and a backup now: what the repository host does, in which order, and what it refuses."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyinfra.api import operation

from cluster.components.pgbackrest import SILENT_MARK
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from facts.host import UnitJournal
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_archiver import PgbackrestArchiver
from facts.postgres.state import PostgresState
from operations import pgbackrest_stanza
from operations.live.repository import refuse_another_life
from operations.pgbackrest_stanza import _CREATE, ARRIVED, has_backup, stanza
from operations.runs import backup as backup_run
from operations.runs.backup import backup
from operations.util.hosts import current_node
from tests.world.answers import line
from tests.world.hosts import changed, run_operation
from tests.world.known import Act, Question
from tests.world.postgres import control, postgres
from tests.world.repository import KINDS, attempt, info
from tests.world.world import Lines, World, answer


def a_backup(label: str, kind: str) -> dict[str, Any]:
    return {
        "label": label,
        "type": kind,
        "timestamp": {"start": 1, "stop": 9},
        "info": {"size": 1024, "repository": {"delta": 512}},
        "archive": {"start": "000000010000000000000001", "stop": "000000010000000000000002"},
        "lsn": {"start": "0/1000028", "stop": "0/2000100"},
        "database": {"id": 1, "repo-key": 1},
        "error": False,
    }


@dataclass
class BackupWorld(World):
    """
    A repository and a primary.

    + status: of the stanza
    + check: the last line of pgBackRest's check; + archiver: the primary's words about what it could not archive
    + newest: segment in the archive; + written: what the primary says each time, in bytes; the last one stays
    + late: answers until systemd has begun the backup; + running: those that show it then; + fails: how its unit ends
    """

    acts: ClassVar = {
        "silence": f"rm -f {SILENT_MARK}",
        "stanza-create": pgbackrest_stanza.stanzas_created,
        "check": pgbackrest_stanza.proven,
        "begin": backup_run._backed_up,
    }

    status: int = 0
    identifier: str = "42"
    mode: str = "on"
    fails: bool = False
    check: str = ARRIVED
    archiver: str = ""
    free_mib: int = 1024
    running: int = 0
    late: int = 0
    newest: str | None = None
    written: list[int] = field(default_factory=lambda: [0])
    begun: str | None = None
    backups: list[dict[str, Any]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def word_of(self, act: Act) -> str | None:
        """Of a backup, by its unit."""
        word = super().word_of(act)
        return act.last_word if word == "begin" else word

    def noted(self, word: str, host: str, act: Act) -> None:
        """All of it on the repository host; but that a primary tries again at once is no act of anybody."""
        if word != "silence":
            assert host == "h3"
            self.done.append(word)
            self.commands.append(act.text)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "stanza-create":
            self.status = 2
        if found := re.fullmatch(r"pgbackrest-backup@(\w+?)(-repo2)?[.]service", word):
            self.begun, self.running = found[1], max(self.running, 1)
        return [self.check] if word == "check" else None

    @answer(PgbackrestInfo)
    def _info(self, host: str, **_: Any) -> Lines:
        room = f"Avail 1K-blocks\n{self.free_mib * 1024} 2097152"
        return [*info(self._stanza(), self._attempts()), line("room", room)]

    @answer(PgbackrestArchiver)
    def _archiver(self, host: str, **_: Any) -> Lines:
        return ["tried", self.archiver if host == "h1" else "an older story"]

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        written = self.written.pop(0) if host == "h1" and len(self.written) > 1 else self.written[0]
        state = {"in_recovery": host != "h1", "archiver": {"mode": self.mode}, "timeline": 2, "written": written}
        return postgres(state, control(identifier=42, timeline=1))

    @answer(UnitJournal)
    def _journal(self, host: str, **_: Any) -> Lines:
        return ["ERROR: [082]: WAL segment was not archived"]

    def _stanza(self) -> dict[str, Any]:
        archive = [{"database": {"id": 1}, "id": "17-1", "min": "000000010000000000000001", "max": self.newest}]
        known = {"db": [{"id": 1, "system-id": self.identifier}], "backup": self.backups, "archive": archive}
        status = {"code": self.status, "message": "words", "lock": {"backup": {"held": False}}}
        return {"name": "main", "status": status, **(known if self.status in (0, 2) else {})}

    def _attempts(self) -> str | None:
        if self.begun and self.late:
            self.late -= 1
            return None
        if self.begun and self.running == 0 and not self.fails:
            self.backups, self.status = [*self.backups, a_backup(f"new-{self.begun}", self.begun)], 0
            self.begun = None
        text = ""
        for kind in KINDS:
            state = "start" if kind == self.begun and self.running else "dead"
            result = "exit-code" if kind == self.begun and self.fails and not self.running else "success"
            text += attempt(kind, state, result, ExecMainExitTimestamp="@5", words="ERROR: [082]: late")
        self.running = max(0, self.running - 1)
        return text


@dataclass
class TwoPlaces:
    """A directory and a store, behind one repository host. + done: what was done, in order"""

    directory: BackupWorld
    store: BackupWorld

    def __post_init__(self) -> None:
        self.done = self.store.done = self.directory.done

    def asked(self, host: str, question: Question) -> Lines:
        """See Hosts."""
        return (self.store if question.arguments.get("repository") == 2 else self.directory).asked(host, question)

    def told(self, host: str, act: Act) -> Lines:
        """See Hosts."""
        word = self.directory.word_of(act) or ""
        lines = (self.store if "-repo2." in word else self.directory).told(host, act)
        if word == "stanza-create":
            self.store.status = 2
        return lines


STORE = {
    "pgbackrest_repositories": ["directory", "s3"],
    **{f"pgbackrest_s3_{name}": "x" for name in ("bucket", "endpoint", "region", "credentials")},
}


def cluster(settings: dict[str, Any] | None = None, **groups: tuple[str, ...]) -> Cluster:
    roles = groups or {"h1": ("postgres", "etcd"), "h2": ("postgres",), "h3": ("backup",)}
    hosts = [
        DeclaredHost(name, given, {"cluster_address": f"10.0.0.{n}", **(settings or {})}, {})
        for n, (name, given) in enumerate(roles.items(), 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


def run(monkeypatch: pytest.MonkeyPatch, world: BackupWorld, operation: Any, **arguments: Any) -> list[str]:
    return changed(run_operation(monkeypatch, world, cluster(), operation, **arguments))


def test_a_fresh_repository_gets_its_stanza_and_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(status=1)
    assert run(monkeypatch, world, stanza) == ["h3"]
    assert world.done == ["stanza-create", "check"]
    made = next(command for command in world.commands if "stanza-create" in command)
    assert (
        made.startswith("if [ -x /usr/local/bin/data-mounts ]; then ")
        and " check repository /var/lib/pgbackrest ||" in made
    )


def test_a_stanza_that_is_there_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld()
    assert run(monkeypatch, world, stanza) == []
    assert world.done == []


def test_before_the_restart_that_turns_archiving_on_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(status=1, mode="off")
    run(monkeypatch, world, stanza)
    assert world.done == ["stanza-create"]


def test_a_cluster_without_a_repository_host_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(status=1)
    alone = cluster(h1=("postgres", "etcd"))
    assert changed(run_operation(monkeypatch, world, alone, stanza)) == []
    assert world.done == []


def test_another_cluster_s_repository_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(identifier="43")
    with pytest.raises(UnsafeError, match="has the backups of another cluster"):
        run(monkeypatch, world, stanza)
    assert world.done == []


@pytest.mark.parametrize("act", [stanza, backup])
@pytest.mark.parametrize("newest", ["000000030000000000000001", "000000020000000000000005"])
def test_wal_of_another_life_of_the_cluster_is_refused(monkeypatch: pytest.MonkeyPatch, act: Any, newest: str) -> None:
    world = BackupWorld(newest=newest, written=[4 * 16 << 20])
    with pytest.raises(UnsafeError, match=f"the repository has WAL of another life of the cluster main: {newest}"):
        run(monkeypatch, world, act, **({"kind": "full"} if act is backup else {}))
    assert world.done == []


def test_wal_that_the_primary_wrote_meanwhile_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(newest="000000020000000000000005", written=[4 * 16 << 20, 6 * 16 << 20])
    assert run(monkeypatch, world, stanza) == []


# What must not be gone on with, and what nobody could tell.
@pytest.mark.parametrize(
    ("world", "words"),
    [
        (
            BackupWorld(newest="000000020000000000000005"),
            "the repository has the stanza main of another life of the cluster",
        ),
        (BackupWorld(status=99), "the repository cannot be used: words"),
        (BackupWorld(status=1), None),
    ],
)
def test_a_copy_begins_only_where_nothing_of_its_name_is_stored(
    monkeypatch: pytest.MonkeyPatch, world: BackupWorld, words: str | None
) -> None:
    @operation()
    def looked(cluster: Cluster) -> Iterator[None]:
        if current_node() == "h1":
            refuse_another_life(cluster)
        yield from ()

    if words is None:
        run(monkeypatch, world, looked)
        return
    with pytest.raises(UnsafeError, match=words):
        run(monkeypatch, world, looked)


def test_a_backup_is_checked_begun_and_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(running=4)
    assert run(monkeypatch, world, backup, kind="diff") == ["h3"]
    assert world.done == ["check", "pgbackrest-backup@diff.service"]
    assert [one["label"] for one in world.backups] == ["new-diff"]


def test_the_first_backup_creates_the_stanza_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(status=1)
    run(monkeypatch, world, backup, kind="full")
    assert world.done == ["stanza-create", "check", "pgbackrest-backup@full.service"]


def test_one_that_is_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(begun="full", running=6)
    run(monkeypatch, world, backup, kind="full")
    assert world.done == []
    assert [one["label"] for one in world.backups] == ["new-full"]


def test_one_that_systemd_begins_a_moment_later_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(backups=[a_backup("old", "full")], late=3, running=2)
    run(monkeypatch, world, backup, kind="full")
    assert [one["label"] for one in world.backups] == ["old", "new-full"]


def test_one_that_leaves_no_trace_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(backups=[a_backup("old", "full")], late=1000)
    with pytest.raises(UnsafeError, match="the full backup failed: see its last lines above"):
        run(monkeypatch, world, backup, kind="full")


def test_one_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(fails=True, running=2)
    with pytest.raises(UnsafeError, match=r"the full backup failed: \[082\]: late\nHINT: "):
        run(monkeypatch, world, backup, kind="full")
    assert world.backups == []


# --- Two repositories ---


def run_twice(monkeypatch: pytest.MonkeyPatch, world: TwoPlaces, operation: Any, **arguments: Any) -> list[str]:
    return changed(run_operation(monkeypatch, world, cluster(STORE), operation, **arguments))


def test_each_repository_gets_its_backup_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(BackupWorld(running=2), BackupWorld(running=2))
    assert run_twice(monkeypatch, world, backup, kind="full") == ["h3"]
    assert world.done == ["check", "pgbackrest-backup@full.service", "pgbackrest-backup@full-repo2.service"]
    assert [len(place.backups) for place in (world.directory, world.store)] == [1, 1]


def test_a_store_without_the_stanza_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(BackupWorld(), BackupWorld(status=1))
    assert run_twice(monkeypatch, world, stanza) == ["h3"]
    assert world.done == ["stanza-create", "check"]


def test_a_store_that_cannot_be_used_keeps_no_backup_from_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(BackupWorld(), BackupWorld(status=99))
    with pytest.raises(UnsafeError, match="the S3 store cannot be used: words\nHINT: "):
        run_twice(monkeypatch, world, backup, kind="diff")
    assert world.done == ["pgbackrest-backup@diff.service"]
    assert [len(place.backups) for place in (world.directory, world.store)] == [1, 0]


def test_a_backup_that_fails_keeps_none_from_the_other_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(BackupWorld(fails=True, running=2), BackupWorld(running=2))
    with pytest.raises(UnsafeError, match=r"the full backup into the directory failed: \[082\]: late\nHINT: "):
        run_twice(monkeypatch, world, backup, kind="full")
    assert [len(place.backups) for place in (world.directory, world.store)] == [0, 1]


def test_no_stanza_is_created_while_one_of_two_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(BackupWorld(status=1), BackupWorld(status=99))
    with pytest.raises(UnsafeError, match="the S3 store cannot be used"):
        run_twice(monkeypatch, world, stanza)
    assert world.done == []


def test_a_full_repository_is_refused_before_anything_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BackupWorld(free_mib=15)
    with pytest.raises(
        UnsafeError, match=r"^the repository is full: 15 of 2048 MiB are left on its file system\nHINT: "
    ):
        run(monkeypatch, world, backup, kind="full")
    assert world.done == []
    assert run(monkeypatch, BackupWorld(free_mib=16, running=2), backup, kind="full") == ["h3"]


@pytest.mark.parametrize(
    ("archiver", "cause"),
    [
        ("unable to write '/x': [28] No space left on device", r"unable to write '/x': \[28\] No space left on device"),
        ("", r"\[082\]: WAL segment 2A was not archived"),
    ],
)
def test_wal_that_does_not_arrive_is_refused_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, archiver: str, cause: str
) -> None:
    world = BackupWorld(check="P00  ERROR: [082]: WAL segment 2A was not archived", archiver=archiver)
    with pytest.raises(UnsafeError, match=f"^WAL is not archived, so no backup would be of use: {cause}\nHINT: "):
        run(monkeypatch, world, backup, kind="full")
    assert world.done == ["check"]


def test_the_card_knows_whether_there_is_a_backup_without_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_backup(cluster()) is not True
    for backups in ([], [a_backup("old", "full")]):
        run(monkeypatch, BackupWorld(backups=backups), stanza)
        assert has_backup(cluster()) is bool(backups)


# --- The lock that a primary holds while it tries to archive ---


def create(tmp_path: Path, *answers: str) -> tuple[int, str]:
    """Run the command that creates the stanza. Returns its exit code and what it said. + answers: empty: it is done"""
    for number, text in enumerate(answers):
        (tmp_path / f"answer{number}").write_text(text)
    said = f"""#!/bin/sh
n=$(cat {tmp_path}/count 2>/dev/null || echo 0); echo $((n + 1)) > {tmp_path}/count
cat {tmp_path}/answer$n; [ ! -s {tmp_path}/answer$n ]
"""
    (tmp_path / "runuser").write_text(said)
    (tmp_path / "runuser").chmod(0o755)
    command = _CREATE.format(seconds=20, command="runuser -u postgres -- pgbackrest --stanza=main stanza-create")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, timeout=300)
    return done.returncode, done.stderr


LOCKED = "WARN: unable to check pg1: [LockAcquireError] unable to acquire lock on file\nERROR: [056]: no primary\n"


def test_a_primary_that_archives_already_is_waited_for(tmp_path: Path) -> None:
    assert create(tmp_path, LOCKED, LOCKED, "") == (0, "")


def test_anything_else_is_a_failure_at_once(tmp_path: Path) -> None:
    assert create(tmp_path, "ERROR: [056]: no primary\n", "") == (1, "ERROR: [056]: no primary\n")
