"""Prometheus' own programs, with which rules are checked: where they are, and what to do where they are not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IN_CI = os.environ.get("CI", "") not in ("", "0", "false")
ABSENT = (
    "promtool is not on this machine, so NO RULE OF PROMETHEUS IS TESTED: `make test-fast` fetches it on Debian and "
    "Ubuntu; elsewhere put it into PATH"
)


def program(name: str) -> str:
    """
    Where a program of Debian's package prometheus is: in PATH, or where make has put it.

    + name: promtool, or prometheus
    """
    place = ROOT / ".venv" / "bin" / name
    found = shutil.which(name) or (str(place) if place.exists() else None)
    if found is None and IN_CI:
        pytest.fail(ABSENT)
    if found is None:
        pytest.skip(ABSENT)
    return found


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it, and return how it ended with what it printed."""
    return subprocess.run([program("promtool"), *map(str, arguments)], capture_output=True, text=True)
