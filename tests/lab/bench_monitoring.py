"""What an idle member costs while it is watched: scraped by a monitor host, and judging itself. For `make bench`."""

import re
from collections.abc import Mapping
from pathlib import Path

from tests.lab.bench_cpu import MEMBERS, idle_shares, print_idle
from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.runs import run, site, wait_until_settled
from tests.lab.vocabulary.waiting import wait_until

HOSTS = (*MEMBERS, "backup1", "monitor1")
JUDGED = "/var/lib/prometheus/node-exporter/pyinfra_patroni_findings.prom"
JUDGEMENT = "pyinfra-patroni-findings"
FIRST_SECONDS = 120
BETWEEN_SECONDS = 300  # the default of findings_minutes


def measured_monitoring(directory: Path, name: str = "bench-monitored") -> dict[str, float]:
    """
    How much of a core each service of an idle member takes. The judgement counts itself, for a process that has ended
    is no service's any more; none is due while the rest is measured.

    + name: of the lab
    """
    with site(name, directory, hosts=HOSTS, monitoring=True) as ready:
        run(ready.inventory)
        wait_until_settled(ready.lab)
        judged = [_judged(host) for host in ready.lab.hosts(MEMBERS)]
        share = 100 * sum(judged) / len(judged) / BETWEEN_SECONDS
        return {**idle_shares(ready.lab), JUDGEMENT: share}


def _judged(host: Host) -> float:
    """Seconds of CPU of a judgement, once the timer has come to its first, which compiles its modules."""
    asked = f"systemctl show -P LastTriggerUSec {JUDGEMENT}.timer"
    wait_until("a first judgement", lambda: run_in(host.container, asked).strip(), seconds=FIRST_SECONDS)
    run_in(host.container, f"systemctl start {JUDGEMENT} && systemctl start {JUDGEMENT}")
    found = re.search(r"_cpu_seconds\{.*\} (\S+)", run_in(host.container, f"cat {JUDGED}"))
    return float(found[1]) if found else float("inf")


def print_monitoring(shares: Mapping[str, float]) -> None:
    """As ``print_idle``, which does not know that it is watched."""
    print("\nthe same, watched: exporters scraped every 15 seconds, a judgement every five minutes")
    print_idle(shares)
