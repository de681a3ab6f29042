"""`make bench`: how long a cluster takes from fresh or bare hosts, and when nothing is to be done; and its backups.

Prints what each operation costs, and fails when a figure is beyond its limit.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.bench_backup import GAP_SECONDS, measured_backups, print_backups
from tests.lab.inventory import inventory_text
from tests.lab.labs import find_lab
from tests.lab.lifecycle import down, up
from tests.lab.paths import ROOT
from tests.lab.spec import Lab

PACKAGED_SECONDS, BARE_SECONDS, IDLE_SECONDS = 45, 150, 8
COMMANDS_A_HOST, MEMORY_MIB = 40, 250
RUN_SECONDS = 600

SMALL = {"postgres_memory_mib": 512, "patroni_ttl": 20, "patroni_loop_wait": 5, "patroni_retry_timeout": 5}


@dataclass
class Measured:
    """One run of deploys/cluster.py. + costs: seconds by operation; + commands: remote commands by host"""

    seconds: float = 0.0
    memory_mib: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)


def measured_run(inventory: Path, *options: str) -> Measured:
    """Run it, and take the time at every line that begins an operation."""
    command = [sys.executable, "-m", "pyinfra", "-y", *options, str(inventory), "deploys/cluster.py"]
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
    if status:
        sys.exit("".join(lines[-40:]) + "the run failed")
    return result


def _operation(line: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return plain.partition("operation:")[2].strip() or "results"


def fresh_cluster(lab: Lab, directory: Path) -> tuple[Path, Measured]:
    """Hosts that never saw us, then one run."""
    shutil.rmtree(ROOT / ".secrets" / lab.name, ignore_errors=True)
    down(lab)
    up(lab)
    inventory = directory / f"{lab.name}.py"
    inventory.write_text(inventory_text(lab, extra={**SMALL, "cluster_name": lab.name}))
    return inventory, measured_run(inventory)


def verdicts(
    packaged: Measured, bare: Measured, idle: Measured, counted: Measured, gap_seconds: float
) -> Iterator[tuple[str, float, float, str]]:
    """What was measured, its limit, and its unit."""
    yield "packages installed, fresh hosts to proven cluster", packaged.seconds, PACKAGED_SECONDS, "s"
    yield "bare hosts to proven cluster", bare.seconds, BARE_SECONDS, "s"
    yield "nothing to do", idle.seconds, IDLE_SECONDS, "s"
    yield "nothing to do, remote commands on the busiest host", max(counted.commands.values()), COMMANDS_A_HOST, ""
    yield "memory of the control machine", max(packaged.memory_mib, idle.memory_mib), MEMORY_MIB, "MiB"
    yield "no write during a full backup", gap_seconds, GAP_SECONDS, "s"


def print_costs(title: str, measured: Measured) -> None:
    """What each operation of a run costs."""
    print(f"\n{title}: {measured.seconds:.1f} s")
    for name, seconds in measured.costs.items():
        print(f"  {seconds:6.1f} s  {name}")


def main() -> int:
    """Measure all, print all, and say by the exit code whether every figure is within its limit."""
    directory = Path(os.environ.get("TMPDIR", "/tmp"))
    labs = find_lab("bench"), find_lab("bench-bare", flavour="bare")
    try:
        inventory, packaged = fresh_cluster(labs[0], directory)
        idle = min((measured_run(inventory) for _ in range(3)), key=lambda one: one.seconds)
        counted = measured_run(inventory, "--debug")
        down(labs[0])
        bare = fresh_cluster(labs[1], directory)[1]
    finally:
        for lab in labs:
            down(lab)
    print_costs("packages installed", packaged)
    print_costs("bare hosts", bare)
    print_costs("nothing to do", idle)
    figures, gap_seconds = measured_backups(directory)
    print_backups(figures, gap_seconds)
    print()
    beyond = 0
    for what, value, limit, unit in verdicts(packaged, bare, idle, counted, gap_seconds):
        beyond += value > limit
        print(f"  {what:<52} {value:7.1f} {unit:<3} limit {limit} {'' if value <= limit else '  BEYOND'}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
