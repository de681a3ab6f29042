"""The types of findings about networks of their own for clients and backups."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, FindingType

TYPES: Mapping[str, FindingType] = {
    "address-absent": FindingType(
        *(ALARM, "address", "an address that is declared for a host is not on it"),
        f"See `ip -br address` on {{where}}. Give it back, or declare another and run `{RUN}/cluster.py`.",
    ),
    "address-unheard": FindingType(
        *(ALARM, "address", "a service does not listen at an address that is declared for it"),
        f"`{RUN}/cluster.py` loads what was changed. A service that was started before the host had the address takes "
        "a restart: see `systemctl status {unit}` on {where}.",
    ),
}
