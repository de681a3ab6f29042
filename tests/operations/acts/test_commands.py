"""A file is written whole or not at all, whatever is in it, by what pyinfra sends as standard input."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from cluster.components.files import File
from operations.acts.commands import write_file

ME = pwd.getpwuid(os.getuid()).pw_name


def written(path: Path, content: str, sent: str) -> int:
    """Run the command with this standard input, and return its exit code."""
    command = write_file(File(str(path), content, ME, ME, "600")).get_raw_value()
    return subprocess.run(["sh", "-c", command], input=sent, text=True, check=False).returncode


@pytest.mark.parametrize("content", ["", "no end", "a line\n", "ü\n" * 9000])
def test_it_is_there_byte_for_byte_though_pyinfra_ends_it_with_a_line_break(content: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert written(path, content, content if content.endswith("\n") else f"{content}\n") == 0
    assert path.read_text() == content and oct(path.stat().st_mode & 0o777) == "0o600"


def test_what_was_cut_off_takes_no_other_s_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old\n")
    assert written(path, "new and longer\n", "new") != 0
    assert path.read_text() == "old\n"


def test_nobody_else_can_read_it_before_it_has_its_owner_and_mode(tmp_path: Path) -> None:
    """Whatever the umask of the login is, and whatever a run that died has left in its place."""
    path, bin_directory = tmp_path / "file", tmp_path / "bin"
    bin_directory.mkdir()
    chown = bin_directory / "chown"
    chown.write_text(f'#!/bin/sh\nstat -c "%a $(cat "$2")" "$2" >> {tmp_path}/seen\n')
    chown.chmod(0o755)
    command = write_file(File(str(path), "secret\n", "postgres", "postgres", "640")).get_raw_value()
    environment = {"PATH": f"{bin_directory}:{os.environ['PATH']}"}
    for left in (False, True):
        if left:
            (tmp_path / "file.new").write_text("another run's\n")
            (tmp_path / "file.new").chmod(0o644)
        words = ["sh", "-c", f"umask 022; {command}"]
        assert subprocess.run(words, input="secret\n", text=True, env=environment, check=False).returncode == 0
    assert (tmp_path / "seen").read_text().splitlines() == ["600 secret", "600 secret"]
    assert oct(path.stat().st_mode & 0o777) == "0o640"
