"""One run of a deploy file, measured from outside, and what the clusters are declared with. For `make bench`."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.paths import ROOT

SMALL = {"postgres_memory_mib": 512, "patroni_ttl": 20, "patroni_loop_wait": 5, "patroni_retry_timeout": 5}


@dataclass
class Measured:
    """
    One run of a deploy file.

    + cpu_seconds: of the control machine; + costs: seconds by operation; + commands: remote commands by host
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_mib: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)


def measured_run(inventory: Path, *options: str, deploy: str = "cluster") -> Measured:
    """Run it, and take the time at every line that begins an operation. + deploy: name of the file"""
    command = [sys.executable, "-m", "pyinfra", "-y", *options, str(inventory), f"deploys/{deploy}.py"]
    environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    result, lines = Measured(), []
    stage, since = "connect and preflight", started
    for line in process.stdout:
        lines.append(line)
        if "Starting operation:" in line or "--> Results" in line:
            now = time.monotonic()
            result.costs[stage] = now - since
            stage, since = _operation(line), now
        for host in re.findall(r"Running command on (\S+):", line):
            result.commands[host] = result.commands.get(host, 0) + 1
    _, status, usage = os.wait4(process.pid, 0)
    result.seconds, result.memory_mib = time.monotonic() - started, usage.ru_maxrss / 1024
    result.cpu_seconds = usage.ru_utime + usage.ru_stime
    if status:
        sys.exit("".join(lines[-40:]) + "the run failed")
    return result


def _operation(line: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return plain.partition("operation:")[2].strip() or "results"
