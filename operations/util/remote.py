"""The only module that reaches into pyinfra: other hosts, the coordinator of a procedure, quick connections."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import gevent
from pyinfra import host, inventory, state
from pyinfra.api import FactBase, Host
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.context import ctx_host

from cluster.errors import UnsafeError
from cluster.model import Node, node_name

T = TypeVar("T")


def quiet_refusals() -> None:
    """
    A refusal is a sentence for the user; gevent would print a traceback of the greenlet besides.

    Set on the hub itself: gevent's resolver gives the hub a value of its own as soon as a name was looked up.
    """
    hub = gevent.get_hub()
    if PyinfraError not in hub.NOT_ERROR:
        hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError)


def quicken(target: Host) -> None:
    """
    Send small packets at once. paramiko leaves Nagle's algorithm on, and every command then waits 40 ms for an
    acknowledgement that the other side delays.
    """
    client = getattr(target.connector, "client", None)
    transport = client and client.get_transport()
    if transport is not None and isinstance(transport.sock, socket.socket):  # a ProxyJump channel has no options
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def here() -> str:
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
    return coordinator(nodes).name == here()


def read(nodes: Iterable[Node], fact: type[FactBase[Any]], **arguments: Any) -> dict[str, Any]:
    """
    A fact of several hosts, live and in parallel. None stands for a host that cannot be reached.

    + arguments: the fact's own; the same for all hosts
    """
    return read_each({node.name: (fact, arguments) for node in nodes})


def read_all(nodes: Iterable[Node], fact: type[FactBase[T]], **arguments: Any) -> dict[str, T]:
    """The same, for procedures that need every one of the hosts. Refuses while one of them cannot be reached."""
    seen = read(nodes, fact, **arguments)
    if silent := [name for name, picture in seen.items() if picture is None]:
        raise UnsafeError(
            f"{', '.join(silent)} cannot be reached\n"
            "HINT: this step looks at all hosts first; bring it back, or take it out of the inventory."
        )
    return seen


def read_first(nodes: Iterable[Node], fact: type[FactBase[T]], **arguments: Any) -> T | None:
    """A fact of the first of several hosts that can be reached; None when none can. + arguments: the fact's own"""
    for node in nodes:
        if (seen := read([node], fact, **arguments)[node.name]) is not None:
            found: T = seen
            return found
    return None


def read_each(questions: Mapping[str, tuple[type[FactBase[Any]], Mapping[str, Any]]]) -> dict[str, Any]:
    """Facts of several hosts, each with arguments of its own, live and in parallel. + questions: by host name"""
    jobs = {name: gevent.spawn(_answer, target_named(name), *question) for name, question in questions.items()}
    return {name: job.get() for name, job in jobs.items()}


def _answer(target: Host, fact: type[FactBase[Any]], arguments: Mapping[str, Any]) -> Any:
    if target in state.failed_hosts:
        return None
    try:
        if not target.connected:
            target.connect(raise_exceptions=True, show_errors=False)
            quicken(target)
        with ctx_host.use(target):
            return target.get_fact(fact, **arguments)
    except ConnectError:
        return None
