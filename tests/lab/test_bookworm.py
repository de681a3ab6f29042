"""Debian bookworm from bare hosts: PostgreSQL 15, Patroni 3.0 and etcd 3.4 make the same cluster."""

from collections.abc import Iterator

import pytest

from tests.lab import faults
from tests.lab.docker import docker, run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
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


def assert_untouched(built: Built) -> None:
    """Run again: no operation reports a change, and PostgreSQL and the units were not started anew."""
    before = start_times(built.lab), unit_starts(built.lab)
    again = assert_changes_nothing(built.inventory)
    assert (start_times(built.lab), unit_starts(built.lab)) == before
    print(f"a run without changes took {again.seconds:.1f} s")
