"""Settings that need a restart: applied in the only safe order, under load, and whatever comes in between."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.restarts import (
    CONFIGURE,
    GAP_SECONDS,
    RESTART,
    assert_all_come_back,
    assert_recovery_was_never_paused,
    configure,
    declare,
    felt,
    shown,
    timeline,
)
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    changed,
    dry,
    dsn,
    leader,
    patroni,
    replicas,
    run,
    site,
    sql,
    start,
    start_times,
    switchover,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

# Quick to give up, so that a standby that does not come back is soon seen.
QUICK = {"patroni_restart_seconds": 60}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members of their own: what is declared here would trouble other tests."""
    with site("r-restart", tmp_path_factory.mktemp("restart"), **QUICK) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def standbys_then_primary(built: Built) -> list[str]:
    return [*(host.short_name for host in replicas(built.lab)), leader(built.lab).short_name]


def test_raised_the_standbys_restart_first(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=220, max_worker_processes=12)
    expected = standbys_then_primary(built)
    done = felt(built, inventory)
    done.assert_cost("raised", GAP_SECONDS)
    assert sorted(done.restarted[:2]) == sorted(expected[:2])
    assert done.restarted[2] == expected[2]
    assert set(shown(built.lab, "max_connections").values()) == {"220"}
    before = start_times(built.lab)
    assert changed(configure(inventory)) == changed(run(inventory, RESTART)) == {}
    assert_changes_nothing(inventory)
    assert start_times(built.lab) == before


def test_lowered_the_primary_restarts_first_in_place_and_the_timeline_stays(built: Built, tmp_path: Path) -> None:
    before, expected = timeline(built.lab), standbys_then_primary(built)
    done = felt(built, declare(built, tmp_path, max_connections=150, max_worker_processes=12))
    done.assert_cost("lowered", GAP_SECONDS)
    assert done.restarted[0] == expected[2]
    assert sorted(done.restarted[1:]) == sorted(expected[:2])
    assert timeline(built.lab) == before
    assert set(shown(built.lab, "max_connections").values()) == {"150"}


def test_one_raised_and_one_lowered_converge_in_one_run(built: Built, tmp_path: Path) -> None:
    done = felt(built, declare(built, tmp_path, max_connections=180, max_worker_processes=9))
    done.assert_cost("mixed", GAP_SECONDS)
    assert sorted(done.restarted) == list(MEMBERS)
    assert set(shown(built.lab, "max_connections").values()) == {"180"}
    assert set(shown(built.lab, "max_worker_processes").values()) == {"9"}


def test_a_neutral_setting_is_tried_on_a_standby_first(built: Built, tmp_path: Path) -> None:
    expected = standbys_then_primary(built)
    inventory = declare(built, tmp_path, max_connections=180, max_worker_processes=9, shared_buffers="96MB")
    done = felt(built, inventory)
    done.assert_cost("neutral", GAP_SECONDS)
    assert done.restarted[2] == expected[2]
    assert set(shown(built.lab, "shared_buffers").values()) == {"96MB"}


def test_what_needs_no_restart_is_active_at_once(built: Built, tmp_path: Path) -> None:
    same = {"max_connections": 180, "max_worker_processes": 9, "shared_buffers": "96MB"}
    done = felt(built, declare(built, tmp_path, **same, work_mem="9MB", log_min_duration_statement="3s"))
    done.assert_cost("reload only", STEADY_GAP_SECONDS)
    assert done.restarted == []
    assert set(shown(built.lab, "work_mem").values()) == {"9MB"}
    assert_recovery_was_never_paused(built.lab)


def test_a_value_that_fails_at_the_start_is_taken_back_and_the_primary_is_not_touched(
    built: Built, tmp_path: Path
) -> None:
    old = shown(built.lab, "shared_buffers")["pg1"]
    now = {"max_connections": int(shown(built.lab, "max_connections")["pg1"])}
    done = felt(built, declare(built, tmp_path, **now, max_worker_processes=9, shared_buffers="4TB"), check=False)
    done.assert_cost("fails at the start", STEADY_GAP_SECONDS)
    assert done.run.code == 1
    assert "does not start with the new " in done.run.log
    assert "; the primary was not touched, the configuration is back to " in done.run.log
    assert f"shared_buffers {old}" in done.run.log
    assert "could not map anonymous shared memory" in done.run.log, done.run.log
    assert leader(built.lab).short_name not in done.restarted
    assert patroni(built.lab, "pg1", "config")["postgresql"]["parameters"]["shared_buffers"] == old
    wait_until_settled(built.lab)


def test_a_setting_that_is_taken_away_waits_for_a_restart_as_any_other(built: Built, tmp_path: Path) -> None:
    """PostgreSQL counts what is no longer in its file among the errors of that file."""
    same = {"max_connections": 180, "max_worker_processes": 9}
    configure(declare(built, tmp_path, **same, track_commit_timestamp="on"))
    assert set(shown(built.lab, "track_commit_timestamp").values()) == {"on"}
    inventory = declare(built, tmp_path, **same, track_commit_timestamp=None)
    for _ in range(2):
        run(inventory)
    configure(inventory)
    assert set(shown(built.lab, "track_commit_timestamp").values()) == {"off"}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"max_connections": 10}, "max_connections 10 is below 25"),
        ({"max_conections": 300}, "Did you mean max_connections?"),
        ({"work_mem": "7XB"}, "has the unit XB; it takes B, kB, MB, GB, TB"),
        ({"shared_buffers": "1kB"}, "is below 16 (8kB)"),
    ],
)
def test_an_invalid_value_is_refused_before_it_is_written(
    built: Built, tmp_path: Path, parameters: dict[str, object], words: str
) -> None:
    before = patroni(built.lab, "pg1", "config")
    done = run(declare(built, tmp_path, **parameters), CONFIGURE, check=False)
    assert done.code == 1
    assert words in " ".join(done.log.split())
    assert patroni(built.lab, "pg1", "config") == before


def test_somebody_else_s_change_in_between_is_kept(built: Built, tmp_path: Path) -> None:
    """Another client changes the configuration all the time while the run does, so that some answers are 409."""
    stop, written = threading.Event(), [0]
    edit = f"patronictl -c /etc/patroni/config.yml edit-config {built.lab.name} --force --quiet -p deadlock_timeout="

    def meddle() -> None:
        for number in range(1001, 2000):
            # patronictl gives up when another was quicker.
            said = run_in(built.lab.host("pg2").container, f"{edit}{number}ms 2>&1 || true")
            written.append(number if "Configuration changed" in said else written[-1])
            if stop.is_set():
                return

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        run(declare(built, tmp_path, max_connections=180, work_mem="10MB"), CONFIGURE)
    finally:
        stop.set()
        meddler.join()

    def kept() -> bool:
        seen = patroni(built.lab, "pg1", "config")["postgresql"]["parameters"]
        return (seen["work_mem"], seen["deadlock_timeout"]) == ("10MB", f"{written[-1]}ms")

    wait_until("both changes are there, as soon as Patroni looks again", kept, seconds=15)


def begin(built: Built, inventory: Path, restarted: int) -> tuple[object, dict[str, object]]:
    """Start a run and return when so many members have been restarted by it."""
    before = start_times(built.lab)
    process = start(inventory, CONFIGURE, "--data", "restart=true")

    def count() -> int:
        try:
            return sum(after != before[name] for name, after in start_times(built.lab).items())
        except Exception:
            return 0

    wait_until(f"{restarted} members have restarted", lambda: count() >= restarted, seconds=90)
    return process, dict(before)


def test_a_run_that_was_killed_between_two_restarts_is_finished_by_the_next(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=200)
    process, before = begin(built, inventory, 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # what it had begun on a host goes on there to its end
    done = configure(inventory)
    print(f"\nfinished in {done.seconds:.1f} s")
    assert set(shown(built.lab, "max_connections").values()) == {"200"}
    assert all(after != before[name] for name, after in start_times(built.lab).items())
    assert_recovery_was_never_paused(built.lab)


def test_the_leader_moves_in_the_middle_and_the_next_run_finishes(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=230)
    process, _ = begin(built, inventory, 1)
    switchover(built.lab, max(replicas(built.lab), key=lambda host: start_times(built.lab)[host.short_name]))
    _, log = process.communicate(timeout=200)
    print(f"\nthe run itself ended with {process.returncode}: {log.strip().splitlines()[-1][:200]}")
    wait_until_settled(built.lab)
    configure(inventory)
    assert set(shown(built.lab, "max_connections").values()) == {"230"}


def test_a_standby_that_dies_in_the_middle_stops_the_run_and_the_next_finishes(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=240)
    victim = replicas(built.lab)[1]
    process = start(inventory, CONFIGURE, "--data", "restart=true")
    wait_until_stopped(victim)
    faults.kill(victim.container)
    _, log = process.communicate(timeout=200)
    assert process.returncode == 1
    assert victim.container in log
    faults.start(victim.container)
    wait_until_ready(victim)
    wait_until_settled(built.lab)
    configure(inventory)
    assert set(shown(built.lab, "max_connections").values()) == {"240"}


def wait_until_stopped(host: Host) -> None:
    """Return in the moment in which PostgreSQL has stopped on a host, or been restarted; the wait is the host's own."""
    place = run_in(host.container, "runuser -u postgres -- psql -XtAc 'show data_directory'").strip()
    began = f"sed -n 3p {place}/postmaster.pid 2>&1"
    run_in(host.container, f'old=$({began}); while [ "$({began})" = "$old" ]; do sleep 0.05; done', timeout_seconds=90)


@contextmanager
def held_up(built: Built, host: Host) -> Iterator[None]:
    """A standby that cannot go on replaying, because a query of its own is in the way."""
    sql(built.lab, "create table if not exists held (n int)")
    there = "select count(*) from pg_class where relname = 'held'"
    wait_until("the table is there", lambda: sql(built.lab, there, 5432, host.short_name) == [(1,)], seconds=20)
    with psycopg.connect(dsn(built.lab, 5432, host.short_name)) as reader:
        reader.execute("select * from held")  # and its transaction stays open
        sql(built.lab, "truncate held")
        yield
        reader.rollback()


def test_a_lower_value_does_not_wait_for_a_standby_whose_replay_is_held_up(built: Built, tmp_path: Path) -> None:
    late = replicas(built.lab)[1]
    patient = {"max_standby_streaming_delay": "-1"}
    now = int(shown(built.lab, "max_connections")["pg1"])
    configure(declare(built, tmp_path, max_connections=now, **patient))
    inventory = declare(built, tmp_path, max_connections=now - 20, **patient)
    with held_up(built, late):
        done = felt(built, inventory, "--data", "allow_no_failover=true")
        done.assert_cost("lowered, with a standby whose replay is held up", GAP_SECONDS)
        assert f"deferred to a later run: {late.container} " in done.run.log
        assert late.short_name not in done.restarted
        assert len(done.restarted) == 2
    wait_until_settled(built.lab)
    done = felt(built, inventory)
    done.assert_cost("the rest of it", STEADY_GAP_SECONDS)
    assert done.restarted == [late.short_name]
    assert set(shown(built.lab, "max_connections").values()) == {str(now - 20)}


def test_nothing_is_restarted_while_the_cluster_is_paused_or_a_member_is_away(built: Built, tmp_path: Path) -> None:
    inventory = declare(built, tmp_path, max_connections=210)
    run(inventory, CONFIGURE)
    before = start_times(built.lab)
    control = f"patronictl -c /etc/patroni/config.yml {{}} {built.lab.name} --wait"
    run_in(built.lab.host("pg1").container, control.format("pause"))
    done = run(inventory, RESTART, check=False)
    run_in(built.lab.host("pg1").container, control.format("resume"))
    assert done.code == 1
    assert f"no member is restarted now: {built.lab.name} is paused: no standby takes over" in done.log
    away = replicas(built.lab)[0]
    run_in(away.container, "systemctl stop patroni")
    done = run(inventory, RESTART, check=False)
    run_in(away.container, "systemctl start patroni")
    assert done.code == 1
    assert f"go on without it: --data without={away.container}" in done.log
    wait_until_settled(built.lab)
    assert {name: one for name, one in start_times(built.lab).items() if name != away.short_name} == {
        name: one for name, one in before.items() if name != away.short_name
    }


def test_dry_prints_the_plan_and_restarts_nobody(built: Built, tmp_path: Path) -> None:
    before = start_times(built.lab)
    log = dry(declare(built, tmp_path, max_connections=210), RESTART)
    assert f"{built.lab.name}: ordered restart" in log
    assert "primary, in place  max_connections" in log
    assert "-> 210" in log
    assert start_times(built.lab) == before
    run(declare(built, tmp_path, max_connections=210), RESTART)
    assert sql(built.lab, "show max_connections") == [("210",)]


def test_every_member_comes_back_after_all_of_this(built: Built) -> None:
    assert_all_come_back(built.lab)
