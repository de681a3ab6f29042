"""From wherever the tests are started: what they start has the signals that it has for an operator."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gevent import monkey

ROOT = Path(__file__).parent.parent
ASK = "import signal; print(sorted(s.name for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN))"
# A test whose stand-in for PostgreSQL is told to stop by SIGINT.
STOPPED = "tests/operations/on_host/test_pgbackrest_drill_on_host.py::test_it_is_stopped_before_its_pages_are_read"


def test_no_child_ignores_a_signal() -> None:
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "['SIGPIPE', 'SIGXFSZ']"  # every Python's own


def test_the_tests_run_where_signals_are_ignored() -> None:
    """As in a job of a script, and under nohup."""
    command = ["sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh", sys.executable, "-m", "pytest", "-q", "-n", "0"]
    asked = ["-p", "no:cacheprovider", f"{__file__}::test_no_child_ignores_a_signal", STOPPED]
    done = subprocess.run([*command, *asked], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="alone there is nothing that gevent could hold up")
def test_a_worker_of_pytest_xdist_keeps_its_threads() -> None:
    importlib.import_module("pyinfra_cli")
    assert not monkey.is_module_patched("threading")
