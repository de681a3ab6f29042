"""The types of findings about synchronous replication."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, WARNING, FindingType

_WAY_OUT = "Bring back standbys that may be synchronous; `deploys/status.py` shows them. See docs/replication.md."

TYPES: Mapping[str, FindingType] = {
    "writes-wait": FindingType(
        *(ALARM, "Patroni", "the synchronous mode is strict, and no standby is synchronous: writes wait for one"),
        _WAY_OUT,
    ),
    "no-synchronous": FindingType(
        *(WARNING, "Patroni", "no standby is synchronous: commits do not wait, and there would be no failover"),
        _WAY_OUT,
    ),
    "few-synchronous": FindingType(
        *(WARNING, "Patroni", "fewer standbys are synchronous than `patroni_synchronous_node_count`"), _WAY_OUT
    ),
}
