"""A file is written whole or not at all, whatever is in it, by what pyinfra sends as standard input."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from cluster.files import File
from operations.util.commands import write_file

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
