"""The types of findings about announcements to routers."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "bgp-session": FindingType(
        *(WARNING, "address", "a member has no BGP session with one of its routers"),
        "Compare bgp_neighbors, bgp_asn, bgp_bfd and bgp_password_file with the router's side and its log; then run "
        f"`{RUN}/cluster.py`. `vtysh -c 'show bgp neighbors {{router}}'` on {{where}} has FRR's reasons.",
    ),
    "bgp-alone": FindingType(
        *(ALARM, "address", "a member has a BGP session with no router, so that its addresses cannot be reached"),
        "See `journalctl -u frr -n 50` on {where}; bgp-session names the cause for each router.",
    ),
    "bgp-bfd": FindingType(
        *(
            WARNING,
            "address",
            "a router has a session with a member, and no BFD: it notices a dead host after 9 seconds",
        ),
        "Turn BFD on for {where} on {router}, and let UDP 3784 through in both directions, then see "
        "`vtysh -c 'show bfd peers brief'` on {where}; or set bgp_bfd = False.",
    ),
    "bgp-unannounced": FindingType(
        *(ALARM, "address", "a member has an address, and a router of its family was not told"),
        "`systemctl restart frr` on {where} announces it again; see `vtysh -c 'show ip route connected'` and "
        "`vtysh -c 'show running-config'` there first.",
    ),
}
