"""PostgreSQL's settings derived from what the members have: memory, cores, disk. Each can be overridden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# PostgreSQL's documentation, "Resource Consumption": a quarter of the memory is a reasonable start for shared_buffers.
SHARED_BUFFERS_PART = 4
MAINTENANCE_PART = 16
MAINTENANCE_LIMIT_MIB = 2048
MAX_CONNECTIONS = 200
MEMORY_STEP_MIB = 64


@dataclass(frozen=True)
class Resources:
    """What one member has. + disk_mib: size of the file system with the data, not what is free on it"""

    memory_mib: int
    cores: int
    disk_mib: int


def smallest(members: Iterable[Resources]) -> Resources:
    """Any member may become the primary, so the settings fit the smallest of each."""
    listed = list(members)
    return Resources(
        min(one.memory_mib for one in listed), min(one.cores for one in listed), min(one.disk_mib for one in listed)
    )


def derived_parameters(resources: Resources, connections: int = MAX_CONNECTIONS) -> dict[str, str | int]:
    """
    PostgreSQL parameters by name.

    Sizes are rounded down, so that a kernel update that takes a few MiB away leaves every value as it was.

    + resources: of the smallest member, its memory possibly lowered by ``postgres_memory_mib``
    + connections: ``max_connections``, which share the memory
    """
    return {**_memory(resources.memory_mib, connections), **_workers(resources.cores), **_wal(resources.disk_mib)}


def _memory(memory_mib: int, connections: int) -> dict[str, str | int]:
    shared = _down(memory_mib // SHARED_BUFFERS_PART)
    return {
        "max_connections": connections,
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{_down(memory_mib * 3 // 4)}MB",
        "maintenance_work_mem": f"{min(MAINTENANCE_LIMIT_MIB, _down(memory_mib // MAINTENANCE_PART))}MB",
        # What is left after shared_buffers, if every connection sorted and hashed once at the same time.
        "work_mem": f"{max(4, (memory_mib - shared) // (connections * 3))}MB",
    }


def _workers(cores: int) -> dict[str, str | int]:
    return {
        "max_worker_processes": max(8, cores + 4),
        "max_parallel_workers": max(2, cores),
        "max_parallel_workers_per_gather": max(1, min(4, cores // 2)),
        "max_parallel_maintenance_workers": max(1, min(4, cores // 2)),
    }


def _wal(disk_mib: int) -> dict[str, str | int]:
    return {
        "max_wal_size": f"{_between(1024, disk_mib // 20, 16384)}MB",
        "min_wal_size": f"{_between(256, disk_mib // 100, 4096)}MB",
        "wal_keep_size": f"{_between(128, disk_mib // 100, 2048)}MB",
        # A slot of a member that is gone must not fill the disk: beyond this it loses its WAL and is cloned anew.
        "max_slot_wal_keep_size": f"{_between(1024, disk_mib // 3, 102400)}MB",
    }


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(high, _down(value)))


def _down(mib: int) -> int:
    return max(MEMORY_STEP_MIB, mib // MEMORY_STEP_MIB * MEMORY_STEP_MIB)
