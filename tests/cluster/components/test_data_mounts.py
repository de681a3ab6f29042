"""Whether data lie where they lay: what a unit asks before its start, run here on mounts that a test sets."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cluster.components import data_mounts
from cluster.components.data_mounts import ETCD, POSTGRES, REPOSITORY, note_path, refused_without, start_condition

SCRIPT = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "data_mounts.py"
OK, AGAIN = 0, 255
REAL_RUN = subprocess.run


class Disks:
    """Directories of a test with mounts in them. + mounts: place to the file system's UUID, the root's among them"""

    def __init__(self, root: Path, program: ModuleType) -> None:
        self.root, self.program = root, program
        self.mounts = {str(root): "root"}

    def directory(self, *parts: str, files: tuple[str, ...] = ()) -> str:
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        for name in files:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text("x")
        return str(path)

    def empty(self, path: str) -> None:
        """What is below the place of a mount that is missing."""
        for found in sorted(Path(path).rglob("*"), reverse=True):
            found.unlink() if found.is_symlink() or found.is_file() else found.rmdir()

    def findmnt(self, words: list[str], **_: Any) -> Any:
        path = words[-1]
        mount = max((one for one in self.mounts if f"{path}/".startswith(f"{one}/")), key=len)
        found = {"target": mount, "source": "/dev/vdb", "uuid": self.mounts[mount], "fsroot": "/"}
        return SimpleNamespace(stdout=json.dumps({"filesystems": [found]}))

    def check(self, directory: str, name: str = POSTGRES) -> int:
        code: int = self.program.check(name, directory)
        return code


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disks:
    spec = importlib.util.spec_from_file_location("on_host_data_mounts", SCRIPT)
    assert spec is not None and spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    made = Disks(tmp_path / "root", program)
    made.directory("srv")
    monkeypatch.setattr(program, "NOTES", tmp_path / "notes")
    monkeypatch.setattr(subprocess, "run", made.findmnt)
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in made.mounts)
    return made


def mounted(disks: Disks, *parts: str, uuid: str = "data") -> str:
    """A place on which a file system is mounted."""
    place = disks.directory(*parts)
    disks.mounts[place] = uuid
    return place


def said(capsys: pytest.CaptureFixture[str], disks: Disks) -> str:
    return capsys.readouterr().out.replace(str(disks.root), "")


@pytest.mark.parametrize("below", [(), ("pg",), ("pg", "17", "main")])
@pytest.mark.parametrize("stale", [False, True])
def test_a_missing_mount_keeps_it_down_and_is_named(
    disks: Disks, capsys: pytest.CaptureFixture[str], below: tuple[str, ...], stale: bool
) -> None:
    place = mounted(disks, "srv", "data")
    data = disks.directory("srv", "data", *below, files=("PG_VERSION",))
    assert disks.check(data) == OK
    del disks.mounts[place]
    if not stale:  # otherwise a copy from before the mount lies below it
        disks.empty(place)
    assert disks.check(data) == AGAIN
    where = "/".join(("/srv/data", *below))
    assert said(capsys, disks).startswith(f"/srv/data is not mounted, on which {where} is stored: not started.\n")
    assert disks.program.missing() == OK
    assert said(capsys, disks) == f"postgres|/srv/data is not mounted, on which {where} is stored\n"
    disks.mounts[place] = "data"
    disks.directory("srv", "data", *below, files=("PG_VERSION",))
    assert disks.check(data) == OK, "it starts when the mount has come"


def test_before_there_are_data_the_mount_has_to_be_there_too(disks: Disks) -> None:
    place = mounted(disks, "srv", "data")
    assert disks.check(f"{place}/pg") == OK
    del disks.mounts[place]
    assert disks.check(f"{place}/pg") == AGAIN


def test_another_empty_file_system_in_the_place_is_not_taken(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    data = mounted(disks, "srv", "data")
    disks.directory("srv", "data", files=("PG_VERSION",))
    assert disks.check(data) == OK
    disks.mounts[data] = "other"
    disks.empty(data)
    disks.directory("srv", "data", "lost+found")
    assert disks.check(data) == AGAIN
    assert "is another file system than the one with the data" in said(capsys, disks)


def test_an_empty_mount_over_the_data_is_not_taken(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    data = disks.directory("srv", "data", files=("PG_VERSION",))
    assert disks.check(data) == OK
    mounted(disks, "srv", "data", uuid="new")
    disks.empty(data)
    assert disks.check(data) == AGAIN
    assert "/srv/data is mounted over the data in /srv/data, and is empty" in said(capsys, disks)


@pytest.mark.parametrize("before", [None, "old"])
def test_data_that_were_moved_to_another_disk_are_taken_and_noted(disks: Disks, before: str | None) -> None:
    data = disks.directory("srv", "data", files=("PG_VERSION",))
    if before:
        disks.mounts[data] = before
    assert disks.check(data) == OK
    disks.mounts[data] = "new"
    assert disks.check(data) == OK
    del disks.mounts[data]
    assert disks.check(data) == AGAIN


def test_data_that_were_emptied_where_they_are_may_be_made_anew(disks: Disks) -> None:
    data = mounted(disks, "srv", "data")
    disks.directory("srv", "data", files=("PG_VERSION",))
    assert disks.check(data) == OK
    disks.empty(data)
    assert disks.check(data) == OK


def test_the_way_out_works(disks: Disks) -> None:
    data = mounted(disks, "srv", "data")
    assert disks.check(data) == OK
    del disks.mounts[data]
    assert disks.check(data) == AGAIN
    (disks.program.NOTES / "postgres.json").unlink()
    assert disks.check(data) == OK
    assert note_path(POSTGRES).endswith("/data-mounts/postgres.json")


@pytest.mark.parametrize("link", ["pg_wal", "pg_tblspc/16400"])
@pytest.mark.parametrize("stale", [False, True])
def test_so_do_wal_and_tablespaces_elsewhere(
    disks: Disks, capsys: pytest.CaptureFixture[str], link: str, stale: bool
) -> None:
    data, place = disks.directory("pg", files=("PG_VERSION", "global/pg_control")), mounted(disks, "srv", "more")
    disks.directory("pg", "pg_tblspc")
    inside = disks.directory("srv", "more", "inside", files=("PG_17/1",))
    os.symlink(inside, f"{data}/{link}")
    assert disks.check(data) == OK
    del disks.mounts[place]
    if not stale:
        disks.empty(place)
    assert disks.check(data) == AGAIN
    assert said(capsys, disks).startswith("/srv/more is not mounted, on which /srv/more/inside is stored: not started.")


def test_a_tablespace_that_was_made_since_is_missed_too(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    data = disks.directory("pg", files=("PG_VERSION", "global/pg_control"))
    assert disks.check(data) == OK
    disks.directory("pg", "pg_tblspc")
    os.symlink(f"{disks.root}/srv/more", f"{data}/pg_tblspc/16400")
    assert disks.check(data) == AGAIN
    assert said(capsys, disks).startswith("/pg/pg_tblspc/16400 leads to /srv/more, where nothing is: not started.")


def test_links_of_a_half_made_copy_are_no_obstacle_to_another_one(disks: Disks) -> None:
    data = disks.directory("pg", files=("PG_VERSION",))
    disks.directory("pg", "pg_tblspc")
    os.symlink(f"{disks.root}/srv/more", f"{data}/pg_tblspc/16400")
    assert disks.check(data) == OK


def test_a_data_directory_that_is_a_link_into_a_mount(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    place = mounted(disks, "srv", "data")
    disks.directory("srv", "data", "pg", files=("PG_VERSION",))
    os.symlink(f"{place}/pg", disks.root / "link")
    assert disks.check(str(disks.root / "link")) == OK
    del disks.mounts[place]
    disks.empty(place)
    assert disks.check(str(disks.root / "link")) == AGAIN
    assert said(capsys, disks).startswith("/srv/data is not mounted")


def test_another_declared_directory_is_another_matter(disks: Disks) -> None:
    place = mounted(disks, "srv", "data")
    assert disks.check(place) == OK
    del disks.mounts[place]
    assert disks.check(disks.directory("elsewhere")) == OK


def test_each_service_has_a_note_of_its_own(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (POSTGRES, ETCD, REPOSITORY):
        place = mounted(disks, "srv", name)
        assert disks.check(place, name) == OK
    del disks.mounts[str(disks.root / "srv" / ETCD)]
    assert disks.program.missing() == OK
    assert said(capsys, disks) == "etcd|/srv/etcd is not mounted, on which /srv/etcd is stored\n"


def test_a_second_look_writes_nothing(disks: Disks, monkeypatch: pytest.MonkeyPatch) -> None:
    data = disks.directory("pg")
    assert disks.check(data) == OK
    monkeypatch.setattr(disks.program, "write", lambda *_: pytest.fail("written again"))
    assert disks.check(data) == OK


def test_a_note_that_cannot_be_written_keeps_nothing_down(disks: Disks, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(disks.program, "write", full)
    assert disks.check(disks.directory("pg")) == OK


def test_it_is_asked_as_root_before_the_start() -> None:
    assert start_condition(POSTGRES, "/data") == "ExecCondition=+/usr/local/bin/data-mounts check postgres /data"


@pytest.mark.parametrize(("program", "goes_on"), [("exit 255", False), ("exit 0", True), (None, True)])
def test_a_script_of_ours_ends_where_the_mount_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, goes_on: bool
) -> None:
    path = tmp_path / "data-mounts"
    if program is not None:
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
    monkeypatch.setattr(data_mounts, "PROGRAM", str(path))
    done = REAL_RUN(["sh", "-c", f"{refused_without(REPOSITORY, '/srv')}echo on"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == ((0, "on\n") if goes_on else (1, ""))


def test_whatever_goes_wrong_is_tried_again(tmp_path: Path) -> None:
    done = REAL_RUN(["python3", str(SCRIPT), "check", "postgres"], capture_output=True, text=True)
    assert done.returncode == AGAIN and done.stderr.startswith("TypeError: ")
