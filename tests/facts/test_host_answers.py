"""Several questions in one command, tried with a real shell."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts import host_answers
from facts.host_answers import HostAnswers


def asked(tmp_path: Path, **commands: str) -> Any:
    command = HostAnswers().command(commands).replace("-p /run", f"-p {tmp_path}")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert list(tmp_path.iterdir()) == [], "nothing stays behind"
    return HostAnswers().process(done.stdout.splitlines())


def test_each_answer_is_its_own(tmp_path: Path) -> None:
    seen = asked(tmp_path, good="printf 'a\\n\\nit''s|b\\n'", bad="echo half; echo why >&2; exit 3", empty="true")
    assert seen == {
        "good": {"code": 0, "lines": ["a", "", "its|b"], "error": ""},
        "bad": {"code": 3, "lines": ["half"], "error": "why"},
        "empty": {"code": 0, "lines": [], "error": ""},
    }


def test_long_answers_side_by_side_do_not_mix(tmp_path: Path) -> None:
    seen = asked(tmp_path, **{f"n{n}": f"yes {n} | head -n 20000" for n in range(6)})
    assert all(set(seen[f"n{n}"]["lines"]) == {str(n)} and len(seen[f"n{n}"]["lines"]) == 20000 for n in range(6))


def test_one_that_hangs_is_cut_off_and_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_answers, "QUESTION_SECONDS", 1)
    started = time.monotonic()
    seen = asked(tmp_path, hangs="sleep 30", good="echo yes")
    assert time.monotonic() - started < 10
    assert (seen["hangs"]["code"], seen["good"]["lines"]) == (124, ["yes"])


def test_they_cannot_read_the_run_s_standard_input(tmp_path: Path) -> None:
    assert asked(tmp_path, reads="cat")["reads"] == {"code": 0, "lines": [], "error": ""}


def test_garbage_is_refused() -> None:
    with pytest.raises(FactProcessError, match="HostAnswers cannot be read"):
        HostAnswers().process(["mktemp: failed to create directory"])
