"""Files are written whole or not at all, whatever is in them, by what pyinfra sends as standard input."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from cluster.components.component import Unit
from cluster.components.files import Directory, File
from operations.acts.commands import act_on_units, write_file, write_files

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


TEXTS = {
    "conf.d/a": "no end",
    "conf.d/b": "",
    "key": "a key ü\n",
    "certificate": "a certificate\nand what is above it\n\n",
}


def several(directory: Path, check: str | None = None) -> tuple[str, str]:
    """The command for all of TEXTS, the last two of them a pair, and its standard input. + check: of the certificate"""
    files = {name: File(str(directory / name), text, ME, ME, "600") for name, text in TEXTS.items()}
    pair = [files["key"], File(str(directory / "certificate"), TEXTS["certificate"], ME, ME, "640", check)]
    groups = [[files["conf.d/a"]], [files["conf.d/b"]], pair]
    command = write_files([Directory(str(directory / "conf.d"), ME, ME, "700")], groups)
    return command.get_raw_value(), "".join(map(str, command.connector_arguments["_stdin"]))


def found(directory: Path) -> dict[str, str]:
    return {name: (directory / name).read_text() for name in TEXTS if (directory / name).exists()}


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"]])
def test_many_files_and_their_directory_come_in_one_command(shell: list[str], tmp_path: Path) -> None:
    command, given = several(tmp_path)
    assert subprocess.run([*shell, "-c", command], input=given.encode(), check=False).returncode == 0
    assert found(tmp_path) == TEXTS
    modes = [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("conf.d", "conf.d/a", "certificate")]
    assert modes == ["0o700", "0o600", "0o640"]
    assert not list(tmp_path.rglob("*.new"))


def test_nothing_is_done_while_a_byte_of_any_of_them_is_missing(tmp_path: Path) -> None:
    command, given = several(tmp_path)
    for cut in ("", given[:3], given.rstrip("\n")[:-1]):
        assert subprocess.run(["sh", "-c", command], input=cut.encode(), check=False).returncode != 0
        assert list(tmp_path.iterdir()) == []


def test_a_pair_takes_its_places_only_when_both_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old key")
    (tmp_path / "certificate").write_text("old certificate")
    command, given = several(tmp_path, check="grep -q absent {}")
    assert subprocess.run(["sh", "-c", command], input=given.encode(), check=False).returncode != 0
    assert found(tmp_path) == {**TEXTS, "key": "old key", "certificate": "old certificate"}


def test_no_content_is_in_the_command_line(tmp_path: Path) -> None:
    assert "a key" not in several(tmp_path)[0]


def test_units_are_started_and_loaded_in_their_order_after_one_look_at_their_files() -> None:
    one, two, timer = Unit("one", ("/etc/one",), load="reload one"), Unit("two", ()), Unit("t.timer", (), wait=False)
    text = act_on_units([(one, "load"), (two, "start"), (timer, "start")]).get_raw_value()
    acts = ["systemctl enable --quiet two t.timer", "reload one", "systemctl start two", "start --no-block t.timer"]
    assert [text.count(act) for act in acts] == [1, 1, 1, 1]
    assert sorted(acts, key=text.index) == acts
    assert "daemon-reload" not in text, "enabling does that"
    assert act_on_units([(one, "load")]).get_raw_value().startswith("systemctl daemon-reload && { { reload one; }")


def test_the_first_unit_that_fails_ends_it_with_its_own_last_lines_alone(tmp_path: Path) -> None:
    for name, text in {
        "systemctl": '[ "$*" != "start one" ]',
        "journalctl": 'echo "lines of $2"',
        "mkdir": "false",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    text = act_on_units([(Unit("one", ()), "start"), (Unit("two", ()), "start")]).get_raw_value()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode != 0, done.stderr) == (True, "lines of one\n")
