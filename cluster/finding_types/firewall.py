"""The types of findings about the firewall on the hosts."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import RUN, WARNING, FindingType

_AGAIN = f"Run `{RUN}/cluster.py`"

TYPES: Mapping[str, FindingType] = {
    "firewall-not-loaded": FindingType(
        *(WARNING, "firewall", "`firewall_mode` is nftables, and a host has other rules of ours, or none"),
        f"{_AGAIN}, which loads them; `nft list ruleset` on {{where}} shows what is there.",
    ),
    "firewall-undeclared": FindingType(
        *(WARNING, "firewall", "`firewall_mode` is off, and a host has rules of ours"),
        f'{_AGAIN}, which removes them; or set firewall_mode = "nftables".',
    ),
}
