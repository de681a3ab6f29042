"""What the tests of ordered restarts share: a declared change, a run under a load of writes, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.lab.docker import run_in
from tests.lab.spec import Lab
from tests.lab.vocabulary.load import Load, Report, Verdict
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    Run,
    dsn,
    leader,
    members,
    replicas,
    run,
    sql,
    start_times,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CONFIGURE = "deploys/configure.py"
RESTART = "deploys/restart_pending.py"
GAP_SECONDS = 5.0
WARM_UP_WRITES = 100
AFTERWARDS_WRITES = 100


@dataclass(frozen=True)
class Felt:
    """A run, and what clients felt of it."""

    run: Run
    report: Report
    verdict: Verdict
    before: Mapping[str, datetime]
    after: Mapping[str, datetime]

    @property
    def restarted(self) -> list[str]:
        """The members whose PostgreSQL was started anew, in the order of their last start."""
        again = [name for name in self.after if self.after[name] != self.before[name]]
        return sorted(again, key=lambda name: self.after[name])

    def assert_cost(self, what: str, gap_seconds: float) -> None:
        """Print what it cost, and demand that nothing was lost and writes were interrupted no longer than this."""
        seen = self.report
        print(
            f"\n{what}: {self.run.seconds:.1f} s, longest gap {seen.longest_gap_seconds:.2f} s, "
            f"acknowledged {seen.acknowledged}, refused {seen.refused}, unknown {seen.unknown}, "
            f"lost {len(self.verdict.lost)}, restarted {' -> '.join(self.restarted) or 'nobody'}"
        )
        assert self.verdict.is_clean, self.verdict
        assert seen.longest_gap_seconds <= gap_seconds


def declare(built: Built, directory: Path, **parameters: Any) -> Path:
    """An inventory of the same hosts that declares these PostgreSQL parameters besides the derived ones."""
    names = [host.removeprefix(f"{built.lab.name}-") for host in members(built.lab)]
    return write_inventory(built.lab, directory, sorted(names), postgres_parameters=parameters)


def configure(inventory: Path, *extra: str, check: bool = True) -> Run:
    """Bring the configuration to what is declared, and restart whom it takes."""
    return run(inventory, CONFIGURE, "--data", "restart=true", *extra, check=check)


def felt(built: Built, inventory: Path, *extra: str, check: bool = True, deploy: str = CONFIGURE) -> Felt:
    """Configure and restart under a load of writes, which a standby's HAProxy lets through to the primary."""
    names = [name.removeprefix(f"{built.lab.name}-") for name in members(built.lab)]
    before = start_times(built.lab, names)
    via = replicas(built.lab)[0].short_name if len(names) == len(MEMBERS) else leader(built.lab).short_name
    with Load(dsn(built.lab, 5000, via, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=20)
        restart = ("--data", "restart=true") if deploy == CONFIGURE else ()
        done = run(inventory, deploy, *restart, *extra, check=check)
        wanted = load.report().acknowledged + AFTERWARDS_WRITES
        wait_until("the load goes on", lambda: load.report().acknowledged >= wanted, seconds=30)
    return Felt(done, load.report(), load.verdict(), before, start_times(built.lab, names))


def shown(lab: Lab, name: str) -> dict[str, str]:
    """A setting on every member."""
    names = [host.removeprefix(f"{lab.name}-") for host in members(lab)]
    return {host: sql(lab, f"show {name}", 5432, host)[0][0] for host in sorted(names)}


def timeline(lab: Lab) -> int:
    """The leader's."""
    return max(one["timeline"] for one in members(lab).values() if one["role"] == "leader")


def assert_recovery_was_never_paused(lab: Lab) -> None:
    """PostgreSQL writes into its log when a standby stops replaying because a setting of its primary is higher."""
    for name in members(lab):
        found = run_in(name, "grep -h 'insufficient parameter settings' /var/log/postgresql/*.log || true")
        assert found == "", f"{name}: {found}"


def assert_all_come_back(lab: Lab, names: Iterable[str] = MEMBERS) -> None:
    """Start PostgreSQL anew on every member, one at a time, the leader last: nothing accepted may keep one down."""
    listed = list(names)
    before, leading = start_times(lab, listed), leader(lab)
    for name in sorted(listed, key=lambda name: lab.host(name) == leading):
        run_in(lab.host(name).container, "systemctl restart patroni")
        wait_until_settled(lab, listed)
    after = start_times(lab, listed)
    assert [name for name in listed if after[name] <= before[name]] == []
