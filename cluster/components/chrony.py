"""chrony, on hosts that can set their clock and have no other clock service."""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType
from cluster.components.files import File
from cluster.declared.model import Cluster
from cluster.observed.chrony import SeenClock

UNIT = "chrony"
PACKAGE = "chrony"
# Read beside the package's own file, which stays as it is. Where it is not, chrony is none of ours.
CONFIGURATION = "/etc/chrony/conf.d/pyinfra-patroni.conf"


def chrony_component(cluster: Cluster) -> Component:
    """chrony's file of ours and its unit, the same on all hosts that need them."""
    servers = (f"server {server} iburst\n" for server in cluster.settings.chrony_servers)
    text = "# Managed by pyinfra-patroni.\n" + "".join(servers)
    unit = Unit(UNIT, (CONFIGURATION,), load=f"systemctl restart {UNIT}")
    return Component(files=(File(CONFIGURATION, text),), units=(unit,), mark=CONFIGURATION)


def is_wanted(seen: SeenClock) -> bool:
    """
    Whether a host is to have chrony from us: it has it already, or may set its clock and no service keeps it. Another
    one that is installed and down is the administrator's; chrony's package would conflict with it, too.
    """
    others = seen["services"].keys() - {UNIT}
    return seen["marked"] or (seen["may_set"] and not others and seen["services"].get(UNIT) != "active")


def keeper_of(seen: SeenClock) -> str:
    """Who keeps a host's clock that needs no chrony of ours, in words."""
    if not seen["may_set"]:
        return "the machine below keeps this host's clock"
    running = [name for name, state in seen["services"].items() if state == "active"]
    return f"{' and '.join(running)} keeps this host's clock" if running else "its clock service is down, and not ours"


COMPONENT = ComponentType(
    name="chrony",
    on=lambda cluster, node: cluster.settings.chrony_mode == "where_needed",
    files=lambda cluster, node, secrets: chrony_component(cluster),
    units=lambda cluster, node: (UNIT,),
    owns=lambda cluster, node: (CONFIGURATION,),
    mark=CONFIGURATION,
)
