"""Derived settings: sane on every host, and never smaller on a larger one."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.tuning import Resources, derived_parameters, smallest
from cluster.measures import MIB

GIB = 1024
MEMORY = st.integers(512, 1024 * GIB)
CORES = st.integers(1, 256)
DISK = st.integers(2 * GIB, 16 * 1024 * GIB)
RESOURCES = st.builds(Resources, MEMORY, CORES, DISK)


def sizes(resources: Resources) -> dict[str, int]:
    """All of it as numbers, MiB where there is a unit."""
    return {name: int(str(value).removesuffix("MB")) for name, value in derived_parameters(resources).items()}


def test_a_usual_host() -> None:
    assert derived_parameters(Resources(16 * GIB, 8, 200 * GIB)) == {
        "max_connections": 200,
        "shared_buffers": "4096MB",
        "effective_cache_size": "12288MB",
        "maintenance_work_mem": "1024MB",
        "work_mem": "20MB",
        "max_worker_processes": 12,
        "max_parallel_workers": 8,
        "max_parallel_workers_per_gather": 4,
        "max_parallel_maintenance_workers": 4,
        "max_wal_size": "10240MB",
        "min_wal_size": "2048MB",
        "wal_keep_size": "2048MB",
        "max_slot_wal_keep_size": "68224MB",
    }


def test_the_smallest_host() -> None:
    assert sizes(Resources(512, 1, 2 * GIB)) == {
        "max_connections": 200,
        "shared_buffers": 128,
        "effective_cache_size": 384,
        "maintenance_work_mem": 64,
        "work_mem": 4,
        "max_worker_processes": 8,
        "max_parallel_workers": 2,
        "max_parallel_workers_per_gather": 1,
        "max_parallel_maintenance_workers": 1,
        "max_wal_size": 1024,
        "min_wal_size": 256,
        "wal_keep_size": 128,
        "max_slot_wal_keep_size": 1024,
    }


@given(RESOURCES)
def test_nothing_is_zero(resources: Resources) -> None:
    assert all(value > 0 for value in sizes(resources).values())


@given(RESOURCES)
def test_memory_is_never_promised_twice(resources: Resources) -> None:
    found = sizes(resources)
    assert found["shared_buffers"] <= resources.memory_mib / 4
    assert found["effective_cache_size"] <= resources.memory_mib * 3 / 4
    assert found["maintenance_work_mem"] <= 2048
    assert found["maintenance_work_mem"] * 3 <= resources.memory_mib


@given(RESOURCES)
def test_wal_settings_fit_each_other_and_postgresql(resources: Resources) -> None:
    found = sizes(resources)
    assert found["min_wal_size"] <= found["max_wal_size"]
    assert found["wal_keep_size"] <= found["max_slot_wal_keep_size"]
    assert found["min_wal_size"] >= 32  # two segments, or PostgreSQL does not start
    assert found["max_slot_wal_keep_size"] <= max(GIB, resources.disk_mib / 2)


@given(RESOURCES)
def test_parallel_workers_are_within_all_workers(resources: Resources) -> None:
    found = sizes(resources)
    assert found["max_parallel_workers_per_gather"] <= found["max_parallel_workers"] <= found["max_worker_processes"]


@given(RESOURCES, RESOURCES)
def test_a_larger_host_never_gets_less(one: Resources, other: Resources) -> None:
    small = smallest([one, other])
    large = Resources(
        max(one.memory_mib, other.memory_mib), max(one.cores, other.cores), max(one.disk_mib, other.disk_mib)
    )
    less, more = sizes(small), sizes(large)
    assert [name for name in less if less[name] > more[name]] == []


@given(st.integers(1024, 512 * GIB), st.integers(1, 15))
def test_sizes_are_steps_of_64_mib(memory: int, lost: int) -> None:
    """What a kernel update takes away changes no size that needs a restart, except at the edge of a step."""
    found = sizes(Resources(memory, 4, 100 * GIB))
    assert found["shared_buffers"] % 64 == 0
    assert found["shared_buffers"] - sizes(Resources(memory - lost, 4, 100 * GIB))["shared_buffers"] in (0, 64)


def test_the_smallest_of_each_need_not_be_one_host() -> None:
    assert smallest([Resources(8, 4, 100), Resources(16, 2, 50)]) == Resources(8, 2, 50)
    assert MIB == 2**20


def test_every_derived_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tuning.md").read_text()
    derived = derived_parameters(Resources(GIB, 1, 10 * GIB))
    assert [name for name in derived if not re.search(rf"^\| `{name}` \|", page, re.MULTILINE)] == []
