"""What is counted as CPU of which service, from what a host's /proc says."""

from __future__ import annotations

import subprocess

from tests.lab.bench_cpu import _LOOK, Seen, percent, ticks_by_service


def test_postgresql_is_told_apart_from_the_patroni_that_runs_it() -> None:
    lines = ["patroni.service patroni 20", "patroni.service postgres 5", "patroni.service postgres 2", "none init 1"]
    assert ticks_by_service(lines) == {"patroni": 20, "postgresql": 7, "none": 1}


def test_a_share_is_of_one_core_and_what_began_meanwhile_counts_from_nothing() -> None:
    before, after = Seen({"etcd": 100, "ssh": 7}, 0.0), Seen({"etcd": 150, "ssh": 7, "haproxy": 200}, 50.0)
    assert percent(before, after) == {"haproxy": 4.0, "etcd": 1.0}


def test_the_look_reads_this_machine_too() -> None:
    said = subprocess.run(["sh", "-c", _LOOK], capture_output=True, text=True, check=False).stdout.splitlines()
    assert sum(ticks_by_service(said).values()) > 0
