"""What hosts of a lab cost in CPU: an idle member by service, and a lab that starts and builds. For `make bench`.

Counted from the processes of each host: a unit's are those in its cgroup, whichever version of cgroups the engine has.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.lab.docker import run_in
from tests.lab.spec import Lab

MEMBERS = ("pg1", "pg2", "pg3")
IDLE_SECONDS = 60
TICKS_A_SECOND = 100  # what every Linux counts in for /proc, whatever its kernel was built with

# A child that has ended counts with its parent, which has waited for it; so nothing is lost and nothing counted twice.
_LOOK = r"""
for p in /proc/[0-9]*; do
  unit=$(grep -oE '[^/]+\.service$' $p/cgroup 2>/dev/null | head -n 1)
  name=$(tr -c 'a-z0-9.\n-' _ < $p/comm 2>/dev/null) && set -- $(sed 's/.*) //' $p/stat 2>/dev/null)
  [ $# -lt 15 ] || echo "${unit:-none} ${name:-none} $(( ${12} + ${13} + ${14} + ${15} ))"
done
"""


def ticks_by_service(lines: Iterable[str]) -> dict[str, int]:
    """The ticks of each service; PostgreSQL's processes, which are in Patroni's unit, count as one of their own."""
    found: dict[str, int] = {}
    for line in lines:
        unit, name, ticks = line.split()
        service = "postgresql" if unit == "patroni.service" and name != "patroni" else unit.removesuffix(".service")
        found[service] = found.get(service, 0) + int(ticks)
    return found


@dataclass(frozen=True)
class Seen:
    """The ticks of each service on a host, and when they were read."""

    ticks: Mapping[str, int]
    at: float


def look(container: str) -> Seen:
    """What a host has used since its start."""
    return Seen(ticks_by_service(run_in(container, _LOOK).splitlines()), time.monotonic())


def seconds_of(lab: Lab, names: Iterable[str]) -> float:
    """What all hosts of a lab have used since their start, in seconds of CPU."""
    return sum(sum(look(host.container).ticks.values()) for host in lab.hosts(names)) / TICKS_A_SECOND


def percent(before: Seen, after: Seen) -> dict[str, float]:
    """How much of a core each service took between two looks, the most first; what took nothing is left out."""
    used = {name: ticks - before.ticks.get(name, 0) for name, ticks in after.ticks.items()}
    shares = {name: 100 * ticks / TICKS_A_SECOND / (after.at - before.at) for name, ticks in used.items() if ticks > 0}
    return dict(sorted(shares.items(), key=lambda one: -one[1]))


def idle_shares(lab: Lab) -> dict[str, float]:
    """How much of a core each service of an idle member takes, on average over the members."""
    before = {host.container: look(host.container) for host in lab.hosts(MEMBERS)}
    time.sleep(IDLE_SECONDS)
    shares = [percent(seen, look(name)) for name, seen in before.items()]
    total: dict[str, float] = {}
    for name in dict.fromkeys(name for one in shares for name in one):
        total[name] = sum(one.get(name, 0.0) for one in shares) / len(shares)
    return total


def print_idle(shares: Mapping[str, float]) -> None:
    """A line for each service that takes anything worth telling."""
    print(f"\nan idle member: {sum(shares.values()):.1f} % of a core")
    for name, share in shares.items():
        if share >= 0.05:
            print(f"  {share:6.2f} %  {name}")
