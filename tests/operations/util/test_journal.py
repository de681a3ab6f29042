"""What is noted around an act, by the command of the act itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from cluster.components.files import File
from facts.runs.journal import JOURNAL
from operations.acts.act import Act
from operations.acts.commands import write_file
from operations.util import journal
from operations.util.journal import acting, around_act, described, line, note_acts_of, noted, words_of
from operations.util.shell import between, marked
from tests.world.hosts import fake_cluster


@pytest.fixture(autouse=True)
def noting() -> Iterator[None]:
    note_acts_of("1a2b", {"h1": "echo looked; "})
    yield
    note_acts_of(None)


def ran(command: str, path: Path, host: str = "h2") -> tuple[int, list[str], list[Any]]:
    """A command as an act: its exit code, what it prints itself, and what is noted of it."""
    with acting("etcd | It's configured", what="writes /etc/a"):
        text = marked(command, around_act(host)).get_raw_value().replace(JOURNAL, str(path))
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True)
    lines = [
        *(("stdout", one) for one in done.stdout.splitlines()),
        *(("stderr", one) for one in done.stderr.splitlines()),
    ]
    _, _, own = between(CommandOutput([OutputLine(*one) for one in lines]))
    entries = [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []
    return done.returncode, [one.line for one in own], entries


@pytest.mark.parametrize(
    ("command", "code"), [("echo said", 0), ("echo said; exit 7", 7), ("set -e; echo said; false", 1)]
)
def test_an_act_is_noted_before_it_and_after_it(command: str, code: int, tmp_path: Path) -> None:
    found, said, entries = ran(command, tmp_path / "journal")
    assert (found, said) == (code, ["said"])
    act, done = entries
    assert act.pop("at") and act == {
        "event": "act", "run": "1a2b", "operation": "etcd | It's configured", "n": 1, "what": "writes /etc/a"
    }  # fmt: skip
    assert done.pop("seconds") >= 0 and done == {"event": "done", "run": "1a2b", "n": 1, "exit": code}


def test_a_journal_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    assert ran("echo said; exit 7", tmp_path / "absent" / "journal") == (7, ["said"], [])


def test_the_look_at_the_lock_comes_before_the_command_and_is_part_of_what_it_says(tmp_path: Path) -> None:
    assert ran("echo said", tmp_path / "journal", "h1")[1] == ["looked", "said"]


def test_what_is_read_outside_of_an_act_is_not_noted() -> None:
    assert around_act("h1") == journal.Around()
    note_acts_of(None)
    with acting("a step"):
        assert (around_act("h1"), noted()) == (journal.Around(), 0)


def test_acts_are_counted() -> None:
    for number in (1, 2):
        with acting("a step"):
            assert (f'"n": {number}' in around_act("h2").after, noted()) == (True, number)


def test_a_file_is_named_and_its_content_is_not() -> None:
    command = write_file(File("/etc/patroni/config.yml", "password: s3cret\n"))
    assert words_of(Act(fake_cluster().nodes[0], command)) == {"what": "writes /etc/patroni/config.yml"}


def test_of_what_nothing_is_said_nothing_is_noted() -> None:
    assert words_of(StringCommand("psql -c 's3cret'")) == {}
    assert words_of(described(StringCommand("x"), "y" * 1000, {}, {})) == {"what": "y" * 300}
    assert words_of(described(StringCommand("x"), "moves", 1, 2)) == {"what": "moves", "before": 1, "after": 2}


def test_an_entry_leaves_out_what_is_not_known_and_is_one_line() -> None:
    assert line("end", "1a2b", why=None, who="", exit=0, what="a\nb") == (
        '{"event": "end", "run": "1a2b", "exit": 0, "what": "a\\nb"}'
    )
