"""Debian bookworm from bare hosts: PostgreSQL 15, Patroni 3.0 and etcd 3.4 make the same cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import docker, run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.restarts import (
    GAP_SECONDS,
    RESTART,
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
    dsn,
    leader,
    members,
    patroni,
    replicas,
    run,
    site,
    sql,
    start_times,
    switchover,
    unit_starts,
    wait_until_settled,
)

VERSIONS = {"postgresql-15": "15.", "patroni": "3.0.2", "etcd-server": "3.4.", "haproxy": "2.6."}


@pytest.fixture(scope="module")
def bookworm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members on hosts that had nothing but ssh."""
    with site("b-bookworm", tmp_path_factory.mktemp("bookworm"), release="bookworm", flavour="bare") as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def test_the_distribution_s_versions_are_installed_and_held(bookworm: Built) -> None:
    print(f"from bare hosts to a proven cluster in {bookworm.run.seconds:.1f} s")
    for name in MEMBERS:
        container = bookworm.lab.host(name).container
        asked = run_in(container, f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {' '.join(VERSIONS)}")
        found = dict(line.split(" ") for line in asked.splitlines())
        assert {package for package, version in VERSIONS.items() if not found[package].startswith(version)} == set()
        assert set(VERSIONS) <= set(run_in(container, "apt-mark showhold").split())
    assert sql(bookworm.lab, "show server_version")[0][0].startswith("15.")


def test_failsafe_mode_is_off_where_patroni_does_it_unsoundly(bookworm: Built) -> None:
    assert patroni(bookworm.lab, "pg1", "config")["failsafe_mode"] is False


def test_the_second_run_changes_nothing(bookworm: Built) -> None:
    assert_untouched(bookworm)


def test_after_a_switchover_nothing_is_changed(bookworm: Built) -> None:
    switchover(bookworm.lab, replicas(bookworm.lab)[0])
    assert_untouched(bookworm)


def test_after_a_member_was_stopped_and_started_nothing_is_changed(bookworm: Built) -> None:
    host = replicas(bookworm.lab)[0]
    docker("stop", "--time", "60", host.container)
    faults.start(host.container)
    wait_until_ready(host)
    wait_until_settled(bookworm.lab)
    assert_untouched(bookworm)


def test_every_member_streams_on_one_timeline(bookworm: Built) -> None:
    seen = members(bookworm.lab)
    assert sorted(one["role"] for one in seen.values()) == ["leader", "replica", "replica"]
    assert len({one["timeline"] for one in seen.values()}) == 1


def test_raised_the_standbys_restart_first(bookworm: Built, tmp_path: Path) -> None:
    primary = leader(bookworm.lab).short_name
    done = felt(bookworm, declare(bookworm, tmp_path, max_connections=220))
    done.assert_cost("raised, Patroni 3.0", GAP_SECONDS)
    assert done.restarted[2] == primary
    assert set(shown(bookworm.lab, "max_connections").values()) == {"220"}


def test_lowered_and_raised_at_once_the_primary_restarts_once_in_place(bookworm: Built, tmp_path: Path) -> None:
    before = timeline(bookworm.lab)
    inventory = declare(bookworm, tmp_path, max_connections=150, max_worker_processes=12)
    done = felt(bookworm, inventory)
    done.assert_cost("mixed, Patroni 3.0", GAP_SECONDS)
    assert set(shown(bookworm.lab, "max_connections").values()) == {"150"}
    assert set(shown(bookworm.lab, "max_worker_processes").values()) == {"12"}
    assert timeline(bookworm.lab) == before
    assert_recovery_was_never_paused(bookworm.lab)
    assert changed(run(inventory, RESTART)) == {}


def test_a_value_that_fails_at_the_start_is_taken_back(bookworm: Built, tmp_path: Path) -> None:
    same = {"max_connections": 150, "max_worker_processes": 12}
    primary, old = leader(bookworm.lab).short_name, shown(bookworm.lab, "shared_buffers")["pg1"]
    done = felt(bookworm, declare(bookworm, tmp_path, **same, shared_buffers="4TB"), check=False)
    done.assert_cost("fails at the start, Patroni 3.0", STEADY_GAP_SECONDS)
    assert done.run.code == 1
    assert f"the configuration is back to shared_buffers {old}" in done.run.log
    assert primary not in done.restarted
    wait_until_settled(bookworm.lab)


def test_switchover_pause_and_a_new_copy(bookworm: Built) -> None:
    """Patroni 3.0.2 never says "streaming" of a standby, and "master" of its primary."""
    old, candidate = leader(bookworm.lab), replicas(bookworm.lab)[0]
    with Load(dsn(bookworm.lab, connect_timeout=2)) as load:
        done = run(bookworm.inventory, "deploys/switchover.py", "--data", f"candidate={candidate.container}")
    assert f"{candidate.container} leads {bookworm.lab.name}" in done.log
    print(f"\nPatroni 3.0: switchover, longest gap {load.report().longest_gap_seconds:.2f} s")
    assert load.verdict().is_clean
    assert changed(run(bookworm.inventory, "deploys/pause.py")).keys() == {"Pause"}
    assert changed(run(bookworm.inventory, "deploys/pause.py")) == {}
    assert changed(run(bookworm.inventory, "deploys/resume.py")).keys() == {"Resume"}
    node = ("--data", f"node={old.container}", "--data", "force=true")
    assert f"Rebuild of {old.container}" in run(bookworm.inventory, "deploys/reinit_node.py", *node).log
    wait_until_settled(bookworm.lab)


def test_check_finds_nothing_to_complain_about(bookworm: Built) -> None:
    configure(bookworm.inventory)
    done = run(bookworm.inventory, "deploys/check.py", as_json=False)
    assert "nothing to complain about" in done.log


def assert_untouched(built: Built) -> None:
    """Run again: no operation reports a change, and PostgreSQL and the units were not started anew."""
    before = start_times(built.lab), unit_starts(built.lab)
    again = assert_changes_nothing(built.inventory)
    assert (start_times(built.lab), unit_starts(built.lab)) == before
    print(f"a run without changes took {again.seconds:.1f} s")
