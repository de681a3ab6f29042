"""The types of findings about announcements to routers."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "bgp-session": FindingType(
        *(WARNING, "address", "a member has no BGP session with one of its routers"),
        "Compare bgp_neighbors, bgp_asn and bgp_password_file with the router's side and its log; after a change run "
        f"`{RUN}/cluster.py`. `vtysh -c 'show bgp neighbors {{router}}'` on {{where}} has FRR's reasons.",
    ),
    "bgp-alone": FindingType(
        *(ALARM, "address", "a member has a BGP session with no router, so that its addresses cannot be reached"),
        "See `journalctl -u frr -n 50` on {where}; bgp-session names the cause for each router.",
    ),
    "bgp-unannounced": FindingType(
        *(ALARM, "address", "a member has an address, and its routers were not told"),
        "`systemctl restart frr` on {where} announces it again; see `vtysh -c 'show ip route connected'` there first.",
    ),
}
