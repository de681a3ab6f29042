"""The types of findings about hosts that judge themselves."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "judgement-old": FindingType(
        *(WARNING, "monitoring", "a host does not judge itself any more: its findings are missing in the alerts"),
        "See `journalctl -u pyinfra-patroni-findings -n 50` on {where}; `systemctl start pyinfra-patroni-findings` "
        "there tries again.",
    ),
}
