"""Whether Patroni takes the signal to reload, judged on processes that run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cluster.components.patroni_unit import _CATCHES

IGNORANT = "print('up', flush=True); import time; time.sleep(60)"
PATRONI = f"import signal; signal.signal(signal.SIGHUP, print); {IGNORANT}"


def catches(tmp_path: Path, pid: int) -> bool:
    """As the host's shell decides it. + pid: what systemd says is Patroni's process"""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\necho {pid}\n")
    systemctl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = _CATCHES.format(unit="patroni")
    return subprocess.run(["sh", "-c", command], env={"PATH": path}, check=False).returncode == 0


def test_a_process_that_the_signal_would_end_is_waited_for(tmp_path: Path) -> None:
    for program, wanted in ((IGNORANT, False), (PATRONI, True)):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"up\n"
            found = catches(tmp_path, process.pid)
            process.kill()
        assert found == wanted


def test_a_service_without_a_process_is_waited_for(tmp_path: Path) -> None:
    """0 is what systemd says of a unit that is down."""
    assert not catches(tmp_path, 0)
