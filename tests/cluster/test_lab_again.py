"""Which lab tests are run a second time, alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab import again


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
    assert (again.main(), len(called)) == (code, runs)
