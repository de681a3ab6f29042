"""What a Patroni has left behind: ended before the next one starts, but for PostgreSQL and its archive."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "patroni_end_copies.py"
UNIT, OTHER = "0::/system.slice/patroni.service\n", "0::/system.slice/ssh.service\n"
BOUNDED, PGBACKREST = "/usr/local/bin/pgbackrest-bounded", "/usr/bin/pgbackrest"


class Processes:
    """A made-up /proc, in which this program is process 900, run by systemd."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        self.add(900, "python3", "/usr/local/bin/patroni-end-copies")
        (proc / "self").mkdir()
        (proc / "self" / "cgroup").write_text(UNIT)

    def add(self, pid: int, name: str, *words: str, parent: int = 1, state: str = "S", group: str = UNIT) -> None:
        one = self.proc / str(pid)
        one.mkdir()
        (one / "stat").write_text(f"{pid} ({name}) {state} {parent} 0 0\n")
        (one / "cgroup").write_text(group)
        (one / "cmdline").write_text("\0".join(words) + "\0")

    def kill(self, pid: int, with_what: int) -> None:
        assert with_what == signal.SIGKILL, "a copy that may clean up empties the directory"
        for file in (self.proc / str(pid)).iterdir():
            file.unlink()
        (self.proc / str(pid)).rmdir()

    @property
    def alive(self) -> set[int]:
        return {int(one.name) for one in self.proc.iterdir() if one.name.isdecimal()} - {900}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("on_host_end_copies", SCRIPT)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setattr(loaded, "PROC", tmp_path)
    monkeypatch.setattr(loaded.time, "sleep", lambda _: None)
    monkeypatch.setattr(os, "getpid", lambda: 900)
    return loaded


@pytest.fixture
def processes(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    made = Processes(tmp_path)
    monkeypatch.setattr(os, "kill", made.kill)
    return made


def test_copies_end_and_postgresql_survives(
    program: ModuleType, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.add(10, "postgres", "/usr/lib/postgresql/17/bin/postgres", "-D", "/data")
    processes.add(11, "postgres", "postgres: main: checkpointer", parent=10)
    processes.add(12, "sh", "sh", "-c", f"{BOUNDED} push pg_wal/0001", parent=11)
    processes.add(13, "pgbackrest", PGBACKREST, "archive-push", parent=12)
    processes.add(20, "pg_basebackup", "/usr/lib/postgresql/17/bin/pg_basebackup", "--pgdata=/data", state="T")
    processes.add(21, "pg_basebackup", "/usr/lib/postgresql/17/bin/pg_basebackup", "--pgdata=/data", parent=20)
    processes.add(30, "pgbackrest", PGBACKREST, "--stanza=main", "--delta", "restore")
    processes.add(31, "pgbackrest", PGBACKREST, "--process=1", "restore:local", parent=30)
    processes.add(40, "pg_rewind", "pg_rewind", "-D", "/data")
    processes.add(50, "patroni", "/usr/bin/python3", "/usr/bin/patroni", "/etc/patroni/config.yml")
    assert program.main() == 0
    assert processes.alive == {10, 11, 12, 13}
    assert "ended now: /usr/lib/postgresql/17/bin/pg_basebackup --pgdata=/data" in capsys.readouterr().out


def test_what_goes_on_for_the_archive_survives(program: ModuleType, processes: Processes) -> None:
    processes.add(60, "bash", "/bin/bash", BOUNDED, "catch-up")
    processes.add(61, "pgbackrest", PGBACKREST, "--stanza=main", "archive-push", "pg_wal/0001", parent=60)
    processes.add(62, "pgbackrest", PGBACKREST, "--stanza=main", "archive-push:async", "/data/pg_wal")
    processes.add(63, "pgbackrest", PGBACKREST, "--process=1", "archive-push:local", parent=62)
    assert program.main() == 0
    assert processes.alive == {60, 61, 62, 63}


def test_nobody_else_of_the_host_is_touched(program: ModuleType, processes: Processes) -> None:
    processes.add(70, "pg_basebackup", "pg_basebackup", "--pgdata=/elsewhere", group=OTHER)
    processes.add(71, "pg_basebackup", "pg_basebackup", state="Z")
    assert program.main() == 0
    assert processes.alive == {70, 71}


def test_the_patroni_that_runs_and_this_program_are_spared(
    program: ModuleType, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.add(80, "patroni", "/usr/bin/patroni")
    monkeypatch.setenv("MAINPID", "80")
    assert program.main() == 0
    assert processes.alive == {80}


def test_what_was_about_to_start_another_one_does_not_escape(
    program: ModuleType, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.add(90, "bash", "/bin/bash", BOUNDED, "clone")
    kill = processes.kill

    def kill_late(pid: int, with_what: int) -> None:
        kill(pid, with_what)
        if pid == 90:
            processes.add(91, "pgbackrest", PGBACKREST, "restore")

    monkeypatch.setattr(os, "kill", kill_late)
    assert program.main() == 0
    assert processes.alive == set()


def test_what_cannot_be_ended_keeps_patroni_down(
    program: ModuleType, processes: Processes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.add(95, "pg_basebackup", "pg_basebackup", state="D")
    monkeypatch.setattr(os, "kill", lambda *_: None)
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(program.time, "monotonic", lambda: next(clock))
    assert program.main() == 1
    assert "still there after 60 s: 95" in capsys.readouterr().out
