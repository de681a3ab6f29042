"""
etcd's metrics. Its client port would ask for a certificate that lets in to all of etcd, so etcd serves them on
loopback, and a door in front of that asks for the scraper's.
"""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.etcd import LOOPBACK
from cluster.components.monitoring.exporter import (
    DIRECTORY,
    DOOR_PACKAGE,
    DOOR_UNIT,
    door_component,
    exporter_type,
)
from cluster.declared.model import Cluster, Node

NAME = "etcd_metrics"
CONFIGURATION = f"{DIRECTORY}/etcd.yml"
MODULE = "etcd"
SETTING = "monitoring_etcd_port"


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it."""
    return cluster.settings.monitoring and "etcd" in node.roles


def etcd_metrics_component(cluster: Cluster, node: Node) -> Component:
    """Its files and unit on one host of etcd."""
    if not is_wanted(cluster, node):
        return Component()
    # What etcd says is passed on as it is: to read and check it would cost as much as to make it.
    asked = {
        "address": LOOPBACK,
        "port": cluster.settings.monitoring_etcd_local_port,
        "path": "/metrics",
        "verify": False,
    }
    module = {MODULE: {"method": "http", "http": asked}}
    return door_component(cluster, node, NAME, "Metrics of etcd", SETTING, CONFIGURATION, module)


COMPONENT = exporter_type(
    NAME,
    SETTING,
    is_wanted,
    lambda cluster, node, secrets: etcd_metrics_component(cluster, node),
    packages=(DOOR_PACKAGE,),
    debian_units={DOOR_PACKAGE: DOOR_UNIT},
    owns=(CONFIGURATION,),
)
