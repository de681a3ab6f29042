"""The types of findings about virtual addresses."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "vip-unheld": FindingType(
        *(ALARM, "address", "no host has a virtual address, so its clients connect to nothing"),
        "It ends within seconds after a failover; otherwise see `journalctl -u {unit} -n 50` on hosts that may.",
    ),
    "vip-twice": FindingType(
        *(ALARM, "address", "two hosts have the same virtual address"),
        "They do not hear each other: see `journalctl -u {unit} -n 50` on both, and let firewalls pass what it sends.",
    ),
    "vip-elsewhere": FindingType(
        *(WARNING, "address", "a host has a virtual address that it may not have"),
        "Take it away there: `ip address del {address} dev {interface}` on {where}.",
    ),
    "vip-stranger": FindingType(
        *(ALARM, "address", "a machine that is no host of the cluster answers at a virtual address"),
        f"Find and stop it, or declare another address and run `{RUN}/cluster.py`; see `ip neigh show {{address}}`.",
    ),
}
