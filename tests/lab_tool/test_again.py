"""Which lab tests are run a second time, alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab import again, suite
from tests.lab.areas import AREAS


def test_whole_files_are_run_again_each_once(tmp_path: Path) -> None:
    known = tmp_path / "lastfailed"
    known.write_text(
        json.dumps({"tests/lab/b.py::one[x::y]": True, "tests/lab/a.py::two": True, "tests/lab/b.py": True})
    )
    assert again.failed_files(known) == ["tests/lab/a.py", "tests/lab/b.py"]


def test_nothing_remembered_is_nothing_failed(tmp_path: Path) -> None:
    assert again.failed_files(tmp_path / "lastfailed") == []


@pytest.mark.parametrize(("count", "code", "runs"), [(0, 1, 0), (1, 5, 1), (4, 5, 1), (5, 1, 0)])
def test_the_second_verdict_counts_unless_too_much_failed(
    monkeypatch: pytest.MonkeyPatch, count: int, code: int, runs: int
) -> None:
    called: list[Any] = []

    def call(command: list[str], **_: Any) -> int:
        called.append(command)
        return 5

    monkeypatch.setattr(again, "failed_files", lambda: [f"tests/lab/{n}.py" for n in range(count)])
    monkeypatch.setattr(subprocess, "call", call)
    assert (again.main(["--core"]), len(called)) == (code, runs)
    assert all("--core" in command and "--numprocesses" not in command for command in called)


@pytest.mark.parametrize(
    ("word", "first", "second", "code", "options"),
    [
        ("all", 0, None, 0, []),
        ("core", 1, 0, 0, ["--core"]),
        ("restore", 1, 1, 1, ["--area", "restore"]),
        ("core", 2, None, 2, ["--core"]),  # interrupted
        ("core", 5, None, 5, ["--core"]),  # nothing was found
    ],
)
def test_only_what_failed_is_tried_again_and_with_the_same_choice(
    monkeypatch: pytest.MonkeyPatch, word: str, first: int, second: int | None, code: int, options: list[str]
) -> None:
    called: list[list[str]] = []
    codes = iter([first, second])

    def call(command: list[str], **_: Any) -> int | None:
        called.append(command)
        return next(codes)

    monkeypatch.setattr(again, "failed_files", lambda: ["tests/lab/test_a.py"])
    monkeypatch.setattr(subprocess, "call", call)
    assert suite.main([word]) == code
    assert len(called) == (1 if second is None else 2)
    for command in called:
        assert [one for one in command if one.startswith("--") or one in AREAS][: len(options)] == options
