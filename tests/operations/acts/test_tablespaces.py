"""The commands that move files of tablespaces aside or remove them, run as they are."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.components.on_host.data_mounts import links
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from operations.acts import restore_member, tablespaces
from operations.acts.restore_member import unknown_aside
from operations.acts.tablespaces import make_places, move_aside, removal_of_tablespaces
from tests.cluster.preflight_hosts import a_cluster

NAME = "before-restore-20261121T120000Z"
OURS, OTHERS = "PG_17_202406281", "PG_16_202307071"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A tablespace's directory, which another cluster of an older version shares."""
    for version in (OURS, OTHERS):
        (tmp_path / "space" / version / "5").mkdir(parents=True)
    return tmp_path / "space"


def done(script: str, tmp_path: Path) -> int:
    """Run it with an ``install`` that knows no user postgres. Returns its exit code."""
    (tmp_path / "install").write_text('#!/bin/bash\nmkdir -p "${@: -1}"\n')
    (tmp_path / "install").chmod(0o755)
    return subprocess.run(["bash", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}).returncode


def aside(cluster: Cluster, space: Path, **said: str) -> str:
    (act,) = move_aside(cluster, cluster.members[0], [str(space)], NAME, **said)
    return str(act.command.get_raw_value())


def test_only_the_own_version_s_files_are_moved_and_twice_does_no_harm(space: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert done(aside(a_cluster(), space), tmp_path) == 0
        assert [path.name for path in space.iterdir()] == [OTHERS]
        assert (tmp_path / f"space.{NAME}" / OURS / "5").is_dir()


def test_nothing_is_moved_before_it_is_noted(space: Path, tmp_path: Path) -> None:
    assert done(aside(a_cluster(), space, first="false"), tmp_path) == 1
    assert (space / OURS).is_dir()


def test_what_we_have_moved_ourselves_counts_for_no_missing_mount(
    monkeypatch: pytest.MonkeyPatch, space: Path, tmp_path: Path
) -> None:
    """What looks for mounts before a start would never let the restore begin."""
    data, state = tmp_path / "data", tmp_path / "state"
    for directory in (data / "global", data / "pg_tblspc", state):
        directory.mkdir(parents=True)
    (data / "global" / "pg_control").write_text("whole")
    (data / "pg_tblspc" / "16444").symlink_to(space)
    (space / OTHERS / "5").rmdir()
    (space / OTHERS).rmdir()
    assert links(str(data)) == [f"{data}/pg_tblspc/16444"]
    monkeypatch.setattr(restore_member, "state_of", lambda *_: {"tablespaces": [str(space)]})
    monkeypatch.setattr(restore_member, "STATE", str(state))
    cluster = replace(
        a_cluster(), settings=a_cluster().settings.model_copy(update={"postgres_data_directory": str(data)})
    )
    (act,) = unknown_aside(cluster, cluster.members[0], [], NAME)
    assert done(str(act.command.get_raw_value()), tmp_path) == 0
    assert list(space.iterdir()) == [] and links(str(data)) == []


def test_without_such_a_tablespace_nothing_is_done() -> None:
    assert list(move_aside(a_cluster(), a_cluster().members[0], [], NAME)) == []


def test_what_data_have_outside_their_directory_goes_with_them(space: Path, tmp_path: Path) -> None:
    data = tmp_path / "the data"
    (data / "pg_tblspc").mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    (data / "pg_tblspc" / "16384").symlink_to(space)
    assert done(removal_of_tablespaces(str(data)), tmp_path) == 0
    assert [path.name for path in space.iterdir()] == [OTHERS]


def made(monkeypatch: pytest.MonkeyPatch, asked: dict[str, list[str] | None], places: dict[str, str]) -> list[str]:
    """The commands that let pg2 have directories. + asked: what members say; + places: what pg2 has there"""
    monkeypatch.setattr(tablespaces, "in_this_run", tuple)
    monkeypatch.setattr(tablespaces, "read", lambda nodes, *_, **__: {one.name: asked[one.name] for one in nodes})
    monkeypatch.setattr(tablespaces, "read_all", lambda nodes, *_, **__: {one.name: places for one in nodes})
    cluster = a_cluster()
    acts = list(make_places(cluster, cluster.node("pg2"), fresh=True))
    assert {act.node.name for act in acts} <= {"pg2"}
    return [str(act.command.get_raw_value()) for act in acts]


def test_who_joins_gets_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One member may be down, and a standby behind."""
    asked = {"pg1": ["/srv/a", "/srv/b's"], "pg3": ["/srv/a"], "pg4": None}
    asked |= {node.name: None for node in a_cluster().members if node.name not in asked}
    (command,) = made(monkeypatch, asked, {"/srv/a": "free", "/srv/b's": "absent"})
    assert command == "install -d -o postgres -g postgres -m 700 '/srv/b'\"'\"'s'"


def test_nothing_is_made_where_nobody_can_say_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has data to copy then, either."""
    assert made(monkeypatch, {node.name: None for node in a_cluster().members}, {}) == []


def test_who_joins_with_a_postgresql_s_files_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[str] | None] = {node.name: ["/srv/a"] for node in a_cluster().members}
    with pytest.raises(UnsafeError) as refused:
        made(monkeypatch, asked, {"/srv/a": "held"})
    assert "pg2 has a PostgreSQL's files in /srv/a" in str(refused.value)
