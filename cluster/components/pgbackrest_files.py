"""All of pgBackRest on one host: the parts that a single operation brings up."""

from __future__ import annotations

from cluster.components.component import Component
from cluster.components.pgbackrest import CIPHER_PASS
from cluster.components.pgbackrest_archive import COMPONENT as ARCHIVE
from cluster.components.pgbackrest_backup import COMPONENT as BACKUP
from cluster.components.pgbackrest_drill_files import COMPONENT as DRILL
from cluster.declared.model import Cluster, Node
from cluster.secrets.secrets import Secret

PARTS = (ARCHIVE, BACKUP, DRILL)


def pgbackrest_component(cluster: Cluster, node: Node, cipher_pass: Secret) -> Component:
    """pgBackRest's files and units on one host. + cipher_pass: is in the repository host's files alone"""
    secrets = {CIPHER_PASS: cipher_pass}
    there = (part.files(cluster, node, secrets) for part in PARTS if part.on(cluster, node))
    return sum(there, Component())
