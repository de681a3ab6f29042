"""The judgement of each host by itself: the program, what it knows of the cluster, and its timer."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import operation

from cluster.components.all import FINDINGS
from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from facts.host import HostComponent
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again
from operations.util.said import said


@operation()
@looks_again
def judging(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Let a host judge itself by a timer.

    + cluster: as declared, with monitoring; called on every host
    + secrets: all of the cluster's, by name: the host learns which digests its files shall have
    """
    yield from apply_component(FINDINGS.files(cluster, cluster.node(host.name), secrets))


@operation()
def follow(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Tell a host that judges itself already what is declared now. One that does not yet gets all of it from a build.

    + cluster, secrets: as ``judging`` has them
    """
    component = FINDINGS.files(cluster, cluster.node(host.name), secrets)
    seen = said(HostComponent, **component.question)
    if any(seen["paths"][file.path] is None for file in component.files):
        host.noop("deploys/cluster.py installs the judgement here")
        return
    yield from apply_component(component, seen)
