"""The virtual addresses of a cluster on the screen: who has each, and which routers know."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.checks.overview import Overview
from cluster.checks.vip import holders
from cluster.components.bgp import is_wanted, routers
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


def router_rows(overview: Overview) -> Iterator[tuple[str, str, str, str, str]]:
    """Each router of each member that announces: how the session and BFD are, and what it was told by the member."""
    for node in overview.cluster.members:
        if not is_wanted(overview.cluster, node):
            continue
        seen = overview.answer(node, "bgp")
        for router in routers(node):
            if seen is None or not seen["answers"]:
                yield router, node.name, "FRR IS SILENT" if seen else "?", "?", "?"
                continue
            one = seen["sessions"].get(router)
            told = ", ".join(prefix.partition("/")[0] for prefix in one["announced"]) if one else ""
            yield router, node.name, one["state"] if one else "NONE", (one and one["bfd"]) or "-", told or "-"
