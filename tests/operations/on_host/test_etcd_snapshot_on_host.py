"""The program that takes snapshots of etcd, run with an etcd of paper: what it keeps, and what it never removes."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "etcd_snapshot.sh"
ETCDCTL = """#!/bin/sh
case "$*" in
  *"get --print-value-only"*) [ "$ETCDCTL_ENDPOINTS" != "$SICK" ] || exit 1; printf '%s' "$KNOWN" ;;
  *"snapshot save"*) for last; do :; done; echo whole > "$last"; [ -z "$CUT_OFF" ] || exit 1 ;;
esac
"""
ETCDUTL = """#!/bin/sh
[ -z "$DAMAGED" ] || exit 1
echo '{"hash":1,"revision":52,"totalKey":9,"totalSize":20480}'
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory for snapshots, with two of before, and the programs of etcd."""
    (tmp_path / "bin").mkdir()
    for name, text in (("etcdctl", ETCDCTL), ("etcdutl", ETCDUTL)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "kept").mkdir()
    for hour in ("10", "11"):
        (tmp_path / "kept" / f"20261101T{hour}0000Z-4.db").write_text("old")
    return tmp_path


def run(place: Path, kept: int = 2, **said: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{place}/bin:{os.environ['PATH']}", "KNOWN": "76", **said}
    words = ["bash", str(PROGRAM), str(place / "kept"), str(kept), "/service/main/", "https://a:2379", "https://b:2379"]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "kept").iterdir())


def test_the_oldest_goes_when_a_new_one_is_there(place: Path) -> None:
    done = run(place)
    assert (done.returncode, done.stdout) == (0, "snapshot of https://a:2379 at revision 52\n")
    older, newest = names(place)
    assert older == "20261101T110000Z-4.db" and newest.endswith("Z-52.db")
    assert stat.S_IMODE((place / "kept" / newest).stat().st_mode) == 0o600


def test_another_member_is_asked_when_one_is_not_healthy(place: Path) -> None:
    assert "snapshot of https://b:2379" in run(place, SICK="https://a:2379").stdout


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"DAMAGED": "1"}, "no member of etcd gave a snapshot"),
        ({"CUT_OFF": "1"}, "no member of etcd gave a snapshot"),
        ({"KNOWN": ""}, "etcd has no cluster below /service/main/"),
    ],
)
def test_without_a_sound_one_nothing_of_before_is_removed(place: Path, said: dict[str, str], word: str) -> None:
    before = names(place)
    done = run(place, **said)
    assert done.returncode == 1 and word in done.stderr
    assert [name for name in names(place) if name.endswith(".db")] == before


def test_what_a_killed_one_left_is_cleared_away(place: Path) -> None:
    (place / "kept" / "snapshot.new").write_text("half")
    (place / "kept" / "snapshot.new.part").write_text("half")
    run(place)
    assert [name for name in names(place) if not name.endswith(".db")] == []
