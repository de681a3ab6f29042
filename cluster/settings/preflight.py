"""The settings of the preflight: what a host must have before anything is changed on it."""

from __future__ import annotations

from cluster.settings.base import Strict, setting


class PreflightSettings(Strict):
    """Requirements that are checked before anything is changed."""

    preflight_free_gib: float = setting(
        2, "GiB that must be free where PostgreSQL and etcd store their data", ge=0.1, le=2**20
    )
    preflight_clock_skew_seconds: float = setting(
        2,
        "seconds that two hosts' clocks may differ: certificates, logs and scheduled switchovers depend on it",
        gt=0,
        le=3600,
    )
