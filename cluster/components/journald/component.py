"""journald: how much of the disk the journal may take, where that is declared."""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster

UNIT = "systemd-journald"
DROP_IN_DIRECTORY = "/etc/systemd/journald.conf.d"
# Read after those of the distribution and of most administrators: what is declared here counts.
CONFIGURATION = f"{DROP_IN_DIRECTORY}/90-pyinfra-patroni.conf"


def journald_component(cluster: Cluster) -> Component:
    """Its file of ours. The unit is none of ours: it is stopped with nothing and goes with nothing."""
    text = f"# Managed by pyinfra-patroni.\n[Journal]\nSystemMaxUse={cluster.settings.journald_mib}M\n"
    return Component((Directory(DROP_IN_DIRECTORY),), (File(CONFIGURATION, text),))


COMPONENT = ComponentType(
    name="journald",
    on=lambda cluster, node: cluster.settings.journald_mib is not None,
    files=lambda cluster, node, secrets: journald_component(cluster),
    owns=lambda cluster, node: (CONFIGURATION,),
    shells=(DROP_IN_DIRECTORY,),
)
