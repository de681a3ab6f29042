"""Elections that a run of ours brought about are no trouble."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "facts" / "on_host" / "patroni_health.py"
LINES = [
    {"event": "begin", "run": "a", "at": "2026-11-27T19:00:00Z", "what": "deploys/switchover.py"},
    {"event": "act", "run": "a", "at": "2026-11-27T19:00:03Z", "n": 1},
    {"event": "end", "run": "a", "at": "2026-11-27T19:00:10Z", "exit": 0},
    {"event": "begin", "run": "killed", "at": "2026-11-27T20:00:00Z"},
]


@pytest.fixture(name="program")
def _program() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM))


@pytest.mark.parametrize(
    ("turn", "planned"),
    [
        ("2026-11-27T18:59:00.5+00:00", False),
        ("2026-11-27T19:00:05.123456+00:00", True),
        ("2026-11-27T20:00:15+01:00", True),  # the same hour in another zone
        ("2026-11-27T19:00:40+00:00", False),
        ("2026-11-27T20:05:00+00:00", True),  # of a run that has told no end
        ("2026-11-27T20:11:00+00:00", False),
    ],
)
def test_a_change_of_the_leader_is_planned_while_a_run_acts(program: dict[str, Any], turn: str, planned: bool) -> None:
    text = "\n".join(map(json.dumps, LINES)) + '\n{"event": "act", "run": "torn'
    assert program["planned"](turn, program["runs"](text)) is planned
