"""The hosts of this run: the one at hand, those that ``--limit`` leaves, and which of them acts for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyinfra import host, inventory, state
from pyinfra.api import Host

from cluster.declared.model import Node, node_name


def current_node() -> str:
    """The name of the node at hand."""
    return node_name(host.name)


def target_of(node: Node) -> Host:
    """pyinfra's host of a node."""
    return target_named(node.name)


def target_named(name: str) -> Host:
    """pyinfra's host by the name of its node."""
    return next(target for target in inventory if node_name(target.name) == name)


def coordinator(nodes: Sequence[Node]) -> Node:
    """
    The node whose host acts for all in a procedure: of those in this run the first, in the inventory's order.

    When ``--limit`` leaves all of them out, it is the first at all: it can be asked, and in this run nobody acts.
    """
    return next(iter(in_this_run(nodes)), nodes[0])


def in_this_run(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Those of the nodes that may be touched: not the ones that ``--limit`` leaves out."""
    return tuple(node for node in nodes if target_of(node) in state.active_hosts)


def acts_for(nodes: Sequence[Node]) -> bool:
    """Whether the host at hand is the one that acts for all of these nodes."""
    return coordinator(nodes).name == current_node()


def acts_here(nodes: Sequence[Node]) -> bool:
    """
    The same, for a step that one host does for all: on the others the step is a no-op that says who coordinates it.

    + nodes: among which one coordinates; none: there is nothing to do for this cluster
    """
    if nodes and acts_for(nodes):
        return True
    host.noop(f"{coordinator(nodes).name} coordinates this step" if nodes else "no host of this cluster needs it")
    return False


def is_within_limit(node: Node) -> bool:
    """Whether ``--limit`` leaves a node, dead or alive."""
    return bool(state.is_host_in_limit(target_of(node)))


def acts_for_all() -> bool:
    """Whether the host at hand is the first of all that run deploy code."""
    return host.name == next(target.name for target in inventory if target in state.active_hosts)
