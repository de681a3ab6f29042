"""node_exporter: metrics of the host itself, and of what writes them into files."""

from __future__ import annotations

from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.monitoring.exporter import (
    DIRECTORY,
    WEB,
    exporter_type,
    load,
    own_directory,
    unit_file,
    unit_of,
    unit_path,
    web_file,
)
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import MONITORING as PLACE

NAME = "node_exporter"
PACKAGE = "prometheus-node-exporter"
# systemd's costs as much as all the others together, and of our units our own findings tell. The rest are of hardware
# and file systems that a database's host has none of, or tell nothing here: each costs every scrape. Names that 1.5 of
# Debian 12 knows, too: it does not start with others.
_LEFT_OUT = (
    *("systemd", "arp", "bcache", "btrfs", "dmi", "edac", "entropy", "fibrechannel", "hwmon", "infiniband", "ipvs"),
    *("nfs", "nfsd", "powersupplyclass", "rapl", "selinux", "softnet", "tapestats", "thermal_zone", "udp_queues"),
    *("xfs", "zfs"),
)


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it: all do, where monitoring is declared."""
    return cluster.settings.monitoring


def node_exporter_component(cluster: Cluster, node: Node) -> Component:
    """Its files and unit on one host."""
    if not is_wanted(cluster, node):
        return Component()
    words = [
        f"/usr/bin/{PACKAGE}",
        f"--web.listen-address={node.address.endpoint(cluster.settings.monitoring_node_port)}",
        f"--web.config.file={WEB}",
        "--web.disable-exporter-metrics",
        *(f"--no-collector.{name}" for name in _LEFT_OUT),
    ]
    unit = unit_file(cluster, NAME, "Metrics of a host", words, sandbox.NODE_EXPORTER)
    loads = (unit_path(NAME), WEB)
    return Component((own_directory(),), (web_file(), unit), (Unit(unit_of(NAME), loads, load=load(NAME)),))


COMPONENT = exporter_type(
    NAME,
    "monitoring_node_port",
    is_wanted,
    lambda cluster, node, secrets: node_exporter_component(cluster, node),
    packages=(PACKAGE,),
    debian_units={PACKAGE: PACKAGE},
    certificates=(PLACE,),
    owns=(WEB, PLACE.directory, DIRECTORY),
)
