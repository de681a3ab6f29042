"""What is wrong with hosts that were taken out of a cluster, or are about to go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.component import Component
from cluster.declared.model import Cluster, Node
from cluster.verdicts.removal_notes import is_known, remaining


def without_removed(whole: Overview, components: Callable[[Cluster, Node], tuple[Component, ...]]) -> Overview:
    """
    The same without the hosts that are out: there is a note of it, and neither Patroni nor etcd knows them.

    + components: what a host of the others shall have, for it is another then
    """
    gone = {name: note for name, note in whole.notes.items() if not is_known(whole.cluster, whole.etcd, name)}
    if not gone:
        return whole
    rest = remaining(whole.cluster, gone)
    declared = {node.name: components(rest, node) for node in rest}
    return replace(whole, cluster=rest, components=declared, removed=gone)


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about them."""
    for name, note in overview.removed.items():
        problem = f"was removed from {overview.cluster.name} at {note.at}, and is still in the inventory"
        yield check_finding("host-removed", name, problem)
    for name, note in overview.notes.items():
        problem = f"its removal from {overview.cluster.name} was started at {note.at}, and it is still part of it"
        yield check_finding("removal-unfinished", name, problem)
