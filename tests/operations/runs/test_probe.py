"""A probe around a procedure: when it begins, when it ends, and who has the last word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.endpoints.probe_question import Probe
from cluster.errors import UnsafeError
from cluster.secrets.secrets import Secret
from operations.runs import probe
from operations.runs.probe import probing

QUESTION = Probe(Secret("what the program is asked"))
CALM = {"acknowledged": 90, "refused": 0, "unknown": 0, "writes_gap_seconds": 0.1, "reads_gap_seconds": None}
SEEN = {"at": 1.0, "seconds": 2.0, "step": 0.1, "counts": {"acknowledged": [1] * 20}, "gaps": {"writes": [0.0, 0.1]}}
SENTENCE = "writes interrupted 0.1 s, {} acknowledged writes lost (90 acknowledged, 0 refused, 0 unknown)"
PROGRAM = """
import sys
from pathlib import Path
heard = sys.stdin.readline()
print({begins!r}, flush=True)
heard += sys.stdin.read()
Path({heard!r}).write_text(heard + "and the end")
print({ends!r})
"""


class Stage:
    """A program that stands for the probe's, and what the run printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.printed: list[str] = []
        self.heard = directory / "heard"
        self._directory = directory
        monkeypatch.setattr(probe, "ROOT", directory)
        monkeypatch.setattr(probe, "PROGRAM", "program")
        monkeypatch.setattr(probe, "dry_run", lambda: False)
        monkeypatch.setattr(probe, "print_lines", self.printed.extend)
        monkeypatch.setattr(probe.logger, "error", self.printed.append)

    def plays(self, obstacle: str = "", **found: Any) -> None:
        """What the program will say."""
        begins, ends = json.dumps({"obstacle": obstacle}), json.dumps({"measured": CALM | found, "timeline": SEEN})
        self.is_program(PROGRAM.format(begins=begins, ends=ends, heard=str(self.heard)))

    def is_program(self, text: str) -> None:
        (self._directory / "program.py").write_text(text)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    return Stage(monkeypatch, tmp_path)


def test_without_a_question_nothing_is_started(stage: Stage) -> None:
    with probing(None):
        pass
    assert stage.printed == []


def test_the_plan_starts_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "dry_run", lambda: True)
    with probing(QUESTION):
        pass
    assert stage.printed == []


def test_measures_while_the_procedure_acts_and_prints_the_verdict(stage: Stage) -> None:
    stage.plays()
    with probing(QUESTION):
        assert not stage.heard.exists(), "it does not end before the procedure"
    assert stage.heard.read_text() == "what the program is asked\nand the end"
    assert stage.printed == ["What clients felt", f"  {SENTENCE.format(0)}"]


def test_an_obstacle_refuses_before_the_procedure(stage: Stage) -> None:
    stage.plays(obstacle="connection refused")
    with pytest.raises(UnsafeError) as refused:
        with probing(QUESTION):
            pytest.fail("the procedure began")
    assert str(refused.value) == (
        "the probe cannot begin: connection refused\n"
        "HINT: run from a machine that reaches the endpoints, or leave --data probe=true away."
    )


def test_a_lost_write_ends_the_run(stage: Stage) -> None:
    stage.plays(lost=3)
    with pytest.raises(UnsafeError, match=r"^the cluster broke its word to clients: 3 acknowledged writes lost\nHINT"):
        with probing(QUESTION):
            pass
    assert stage.printed == ["What clients felt", f"  {SENTENCE.format(3)}"]


def test_the_failure_of_the_procedure_has_the_last_word(stage: Stage) -> None:
    stage.plays(lost=3)
    with pytest.raises(UnsafeError, match="the member did not come back"):
        with probing(QUESTION):
            raise UnsafeError("the member did not come back")
    assert stage.printed[1] == f"  {SENTENCE.format(3)}"
    assert stage.printed[2].startswith("the cluster broke its word to clients: 3 acknowledged writes lost\n")


def test_a_failed_command_ends_the_measurement_too(stage: Stage) -> None:
    """pyinfra does not come back to a procedure whose command failed."""

    def procedure() -> Any:
        with probing(QUESTION):
            yield "a command that fails"

    stage.plays()
    for _ in procedure():
        break
    assert stage.printed == ["What clients felt", f"  {SENTENCE.format(0)}"]


def test_the_program_is_where_it_is_started() -> None:
    """It is started by its module's name, from the root of the repository."""
    words = [sys.executable, "-m", probe.PROGRAM]
    done = subprocess.run(words, cwd=probe.ROOT, input="", capture_output=True, text=True)
    assert "No module named" not in done.stderr, done.stderr


def test_a_program_that_dies_at_once_is_an_obstacle(stage: Stage) -> None:
    stage.is_program("raise SystemExit('no module named psycopg')")
    with pytest.raises(UnsafeError, match=r"^the probe cannot begin: no module named psycopg\n"):
        with probing(QUESTION):
            pytest.fail("the procedure began")


def test_a_program_that_dies_later_is_no_clean_verdict(stage: Stage) -> None:
    stage.is_program("""print('{"obstacle": ""}', flush=True); input(); raise SystemExit('out of memory')""")
    with pytest.raises(UnsafeError, match=r"^the probe ended without a verdict: out of memory\nHINT: "):
        with probing(QUESTION):
            pass
    assert stage.printed == []
