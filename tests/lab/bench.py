"""
`make bench`: how long a cluster takes from fresh or bare hosts, and when nothing is to be done; what it costs while it
is idle; its backups, and its pools. `make bench GROWTH="1 3 5"`: how a run that changes nothing grows with the number
of clusters.

Prints what each operation costs, and fails when a figure is beyond its limit.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.bench_backup import GAP_SECONDS, measured_backups, print_backups
from tests.lab.bench_cpu import MEMBERS, idle_shares, print_idle, seconds_of
from tests.lab.bench_growth import print_growth
from tests.lab.bench_monitoring import measured_monitoring, print_monitoring
from tests.lab.bench_pools import measured_pools, print_pools
from tests.lab.bench_run import SMALL, Measured, measured_run
from tests.lab.inventory import inventory_text
from tests.lab.labs import find_lab
from tests.lab.lifecycle import down, up
from tests.lab.paths import ROOT
from tests.lab.spec import DEFAULT_HOSTS, Lab

PACKAGED_SECONDS, BARE_SECONDS, IDLE_SECONDS, STATUS_SECONDS = 45, 150, 6, 5
COMMANDS_A_HOST, MEMORY_MIB, CONTROL_SECONDS = 8, 250, 2
IDLE_LIMIT_PERCENT = WATCHED_LIMIT_PERCENT = 6.0
RUN_SECONDS = 600


@dataclass(frozen=True)
class Fresh:
    """A cluster on hosts that never saw us. + started, built: seconds of CPU of all hosts to boot, and for the run"""

    inventory: Path
    run: Measured
    started: float
    built: float


def fresh_cluster(lab: Lab, directory: Path) -> Fresh:
    """Hosts that never saw us, then one run."""
    shutil.rmtree(ROOT / ".secrets" / lab.name, ignore_errors=True)
    down(lab)
    up(lab)
    inventory = directory / f"{lab.name}.py"
    inventory.write_text(inventory_text(lab, extra={**SMALL, "cluster_name": lab.name}))
    started = seconds_of(lab, DEFAULT_HOSTS)
    run = measured_run(inventory)
    return Fresh(inventory, run, started, seconds_of(lab, DEFAULT_HOSTS) - started)


def verdicts(
    packaged: Measured,
    bare: Measured,
    idle: Measured,
    counted: Measured,
    status: Measured,
    gap_seconds: float,
    idle_percent: float,
) -> Iterator[tuple[str, float, float, str]]:
    """What was measured, its limit, and its unit."""
    yield "packages installed, fresh hosts to proven cluster", packaged.seconds, PACKAGED_SECONDS, "s"
    yield "bare hosts to proven cluster", bare.seconds, BARE_SECONDS, "s"
    yield "nothing to do", idle.seconds, IDLE_SECONDS, "s"
    yield "nothing to do, remote commands on the busiest host", max(counted.commands.values()), COMMANDS_A_HOST, ""
    yield "nothing to do, CPU of the control machine", idle.cpu_seconds, CONTROL_SECONDS, "s"
    yield "status.py", status.seconds, STATUS_SECONDS, "s"
    yield "memory of the control machine", max(packaged.memory_mib, idle.memory_mib), MEMORY_MIB, "MiB"
    yield "CPU of an idle member, of a core", idle_percent, IDLE_LIMIT_PERCENT, "%"
    yield "no write during a full backup", gap_seconds, GAP_SECONDS, "s"


def print_costs(title: str, measured: Measured) -> None:
    """What each operation of a run costs."""
    print(f"\n{title}: {measured.seconds:.1f} s")
    for name, seconds in measured.costs.items():
        print(f"  {seconds:6.1f} s  {name}")


def print_lab(fresh: Fresh, shares: Mapping[str, float], idle: Measured, of_run: float) -> None:
    """What the lab costs the machine that it is on, in seconds of CPU. + of_run: of its hosts, while nothing is done"""
    print("\nthe lab, three members and a host for backups, in seconds of CPU: hosts + control machine")
    print(f"  {fresh.started:6.1f}        the hosts start")
    print(f"  {fresh.built:6.1f} + {fresh.run.cpu_seconds:.1f}  a fresh build")
    print(f"  {of_run:6.1f} + {idle.cpu_seconds:.1f}  a run that changes nothing")
    print(f"  {len(MEMBERS) * 60 * sum(shares.values()) / 100:6.1f}        an idle minute")


def main() -> int:
    """Measure all, print all, and say by the exit code whether every figure is within its limit."""
    directory = Path(os.environ.get("TMPDIR", "/tmp"))
    if sys.argv[1:2] == ["growth"]:
        print_growth(directory, [int(word) for word in sys.argv[2:]])
        return 0
    labs = find_lab("bench"), find_lab("bench-bare", flavour="bare")
    try:
        fresh = fresh_cluster(labs[0], directory)
        shares = idle_shares(labs[0])
        before = seconds_of(labs[0], DEFAULT_HOSTS)
        idle = min((measured_run(fresh.inventory) for _ in range(3)), key=lambda one: one.seconds)
        of_run = (seconds_of(labs[0], DEFAULT_HOSTS) - before) / 3
        counted = measured_run(fresh.inventory, "--debug")
        status = min((measured_run(fresh.inventory, deploy="status") for _ in range(3)), key=lambda one: one.seconds)
        down(labs[0])
        bare = fresh_cluster(labs[1], directory).run
    finally:
        for lab in labs:
            down(lab)
    print_costs("packages installed", fresh.run)
    print_costs("bare hosts", bare)
    print_costs("nothing to do", idle)
    print_idle(shares)
    print_lab(fresh, shares, idle, of_run)
    figures, gap_seconds = measured_backups(directory)
    print_backups(figures, gap_seconds)
    print_pools(measured_pools(directory))
    watched = measured_monitoring(directory)
    print_monitoring(watched)
    print()
    beyond = 0
    all_of_it = (
        *verdicts(fresh.run, bare, idle, counted, status, gap_seconds, sum(shares.values())),
        ("CPU of an idle member that is watched, of a core", sum(watched.values()), WATCHED_LIMIT_PERCENT, "%"),
    )
    for what, value, limit, unit in all_of_it:
        beyond += value > limit
        print(f"  {what:<52} {value:7.1f} {unit:<3} limit {limit} {'' if value <= limit else '  BEYOND'}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
