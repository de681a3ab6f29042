"""The judgement of each host by itself: the program, what it knows of the cluster, and its timer."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import operation

from cluster.components.all import FINDINGS
from cluster.components.findings.component import is_wanted
from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from operations.acts.component import Commands, apply_component, remove_component
from operations.util.first_look import looks_again


@operation()
@looks_again
def judging(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Let a host judge itself by a timer, with monitoring on; without it, remove what an earlier run installed for that.

    + cluster: as declared; called on every host
    + secrets: all of the cluster's, by name: the host learns which digests its files shall have
    """
    node = cluster.node(host.name)
    if is_wanted(cluster):
        yield from apply_component(FINDINGS.files(cluster, node, secrets))
    else:
        yield from remove_component(FINDINGS, cluster, node)
