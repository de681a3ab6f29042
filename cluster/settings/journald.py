"""The settings of journald, which keeps the log of Patroni, etcd, HAProxy and all other units."""

from __future__ import annotations

from cluster.settings.base import Strict, setting


class JournaldSettings(Strict):
    """journald on all hosts."""

    journald_mib: int | None = setting(
        None,
        "MiB of the disk that the journal may take; absent: as the host has it, by default a tenth of the disk and at "
        "most 4096",
        ge=64,
        le=2**20,
    )
