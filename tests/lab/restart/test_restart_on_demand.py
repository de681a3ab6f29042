"""Members restarted on demand, under a load of writes: all in order, one alone, and after a run that was killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.restarts import (
    CONFIGURE,
    GAP_SECONDS,
    RESTART,
    assert_recovery_was_never_paused,
    declare,
    felt,
    shown,
    timeline,
)
from tests.lab.vocabulary.runs import (
    RUN_SECONDS,
    Built,
    assert_changes_nothing,
    dry,
    leader,
    replicas,
    run,
    site,
    start,
    start_times,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

DEMAND = "deploys/restart.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members of their own."""
    with site("r-demand", tmp_path_factory.mktemp("demand")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def test_all_restart_the_standbys_first_and_the_leader_in_place(built: Built) -> None:
    leading, standbys, before = leader(built.lab), replicas(built.lab), timeline(built.lab)
    done = felt(built, built.inventory, deploy=DEMAND)
    done.assert_cost("all, in place", GAP_SECONDS)
    assert sorted(done.restarted[:2]) == sorted(host.short_name for host in standbys)
    assert done.restarted[2:] == [leading.short_name]
    assert (leader(built.lab), timeline(built.lab)) == (leading, before)
    assert_changes_nothing(built.inventory)


def test_the_leader_is_restarted_by_a_switchover_to_one_that_was_restarted(built: Built) -> None:
    old, before = leader(built.lab), timeline(built.lab)
    done = felt(built, built.inventory, "--data", "by=switchover", deploy=DEMAND)
    done.assert_cost("all, by switchover", GAP_SECONDS)
    assert done.restarted[-1] == old.short_name and len(done.restarted) == 3
    assert leader(built.lab) != old and timeline(built.lab) == before + 1
    wait_until_settled(built.lab)


def test_one_standby_restarts_alone_and_writes_go_on(built: Built) -> None:
    chosen = replicas(built.lab)[1]
    done = felt(built, built.inventory, "--data", f"node={chosen.container}", deploy=DEMAND)
    done.assert_cost("one standby", STEADY_GAP_SECONDS)
    assert done.restarted == [chosen.short_name]


def test_the_plan_is_shown_and_nobody_restarts(built: Built) -> None:
    before, leading = start_times(built.lab), leader(built.lab).container
    said = " ".join(dry(built.inventory, DEMAND).split())
    assert f"{built.lab.name}: restart on demand" in said and f"3. {leading} primary, in place" in said
    assert start_times(built.lab) == before


def test_a_killed_run_leaves_nothing_behind_and_the_next_restarts_all(built: Built) -> None:
    before = start_times(built.lab)
    process = start(built.inventory, DEMAND)

    def one_has_restarted() -> bool:
        try:
            return start_times(built.lab) != before
        except Exception:
            return False

    wait_until("one has restarted", one_has_restarted, seconds=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=RUN_SECONDS)
    # What it had begun on a host goes on there to its end.
    done = felt(built, built.inventory, deploy=DEMAND)
    done.assert_cost("after a run that was killed", GAP_SECONDS)
    assert len(done.restarted) == 3
    wait_until_settled(built.lab)


def test_a_raised_value_that_waits_is_left_to_the_ordered_restart(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=int(shown(built.lab, "max_connections")["pg1"]) + 20)
    run(inventory, CONFIGURE)
    before, chosen = start_times(built.lab), replicas(built.lab)[0]
    refused = run(inventory, DEMAND, check=False)
    said = " ".join(refused.log.split())
    assert refused.code == 1 and "no member is restarted now: max_connections waits for a restart of" in said
    assert "deploys/restart_pending.py` restarts all members in that order" in said
    assert start_times(built.lab) == before
    run(inventory, DEMAND, "--data", f"node={chosen.container}")
    assert {name for name, at in start_times(built.lab).items() if at != before[name]} == {chosen.short_name}
    run(inventory, RESTART)
    run(inventory, DEMAND)
    assert_recovery_was_never_paused(built.lab)


def test_nobody_is_restarted_while_the_cluster_is_paused(built: Built) -> None:
    before = start_times(built.lab)
    control = f"patronictl -c /etc/patroni/config.yml {{}} {built.lab.name} --wait"
    run_in(built.lab.host("pg1").container, control.format("pause"))
    done = run(built.inventory, DEMAND, check=False)
    run_in(built.lab.host("pg1").container, control.format("resume"))
    assert done.code == 1 and f"{built.lab.name} is paused: no standby takes over" in done.log
    assert start_times(built.lab) == before
