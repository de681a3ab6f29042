"""A key and its certificate are written by one command, both or neither."""

from __future__ import annotations

import subprocess
from getpass import getuser
from pathlib import Path

from cluster.components.files import File
from operations.acts.commands import write_pair

KEY, CERTIFICATE = "key ä\n", "certificate\nand what is above it\n"


def run(directory: Path, given: str) -> int:
    user = getuser()
    files = [File(str(directory / name), text, user, user, "600") for name, text in (("k", KEY), ("c", CERTIFICATE))]
    command = write_pair(*files)
    done = subprocess.run(["sh", "-c", command.get_raw_value()], input=given.encode(), cwd=directory)
    return done.returncode


def test_both_are_written_each_with_its_own_content(tmp_path: Path) -> None:
    assert run(tmp_path, KEY + CERTIFICATE) == 0
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"k": KEY, "c": CERTIFICATE}
    assert {f"{one.stat().st_mode & 0o777:o}" for one in tmp_path.iterdir()} == {"600"}


def test_what_is_cut_off_takes_nobody_s_place(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("old key")
    (tmp_path / "c").write_text("old certificate")
    for cut in ("", KEY, (KEY + CERTIFICATE)[:-1]):
        assert run(tmp_path, cut) != 0
        assert ((tmp_path / "k").read_text(), (tmp_path / "c").read_text()) == ("old key", "old certificate")
