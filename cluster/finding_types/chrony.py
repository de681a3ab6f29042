"""The types of findings about clocks: they differ, or a host has no clock service."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "clock": FindingType(
        *(WARNING, "clock", "clocks differ by more than `preflight_clock_skew_seconds`"),
        "Start chrony or systemd-timesyncd on {where}; see `timedatectl` there.",
    ),
    "clock-unkept": FindingType(
        *(WARNING, "clock", "a host can set its clock, but no clock service runs on it"),
        f"{{more}}A host without any gets chrony from `{RUN}/cluster.py`.",
    ),
}
