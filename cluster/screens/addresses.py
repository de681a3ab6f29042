"""The virtual addresses of a cluster on the screen: who has each."""

from __future__ import annotations

from cluster.checks.overview import Overview
from cluster.checks.vip import holders
from cluster.declared.vip import vip_hosts, virtual_addresses


def address_rows(overview: Overview) -> list[tuple[str, str, str]]:
    """Address, what it is for, and the hosts that have it; a question mark where a host that may is silent."""
    silent = not all(overview.has_answer(node, "vip") for node in vip_hosts(overview.cluster))
    nobody = "?" if silent else "NO HOST"
    uses = {"write": "the primary", "read": "a replica"}
    return [
        (str(one.address), uses[one.use], ", ".join(node.name for node in holders(overview, one.address)) or nobody)
        for one in virtual_addresses(overview.cluster)
    ]
