"""The types of findings about monitoring."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "exporter-silent": FindingType(
        *(WARNING, "monitoring", "an exporter runs and does not answer, so its metrics are missing"),
        "See `journalctl -u {unit} -n 50` on {where}, then `systemctl restart {unit}` there.",
    ),
}
