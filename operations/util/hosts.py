"""The only module that reaches into pyinfra: other hosts, the coordinator of a procedure, quick connections."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, NoReturn, TypeVar

import gevent
from pyinfra import host, inventory, state
from pyinfra.api import FactBase, Host, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.connectors.ssh import SSHException
from pyinfra.context import ctx_host

from cluster.declared.model import Node, node_name
from cluster.errors import ConfigError, UnsafeError
from operations.util.said import NotSaidError, remembered

T = TypeVar("T")

# A peer that is silent for a minute, to what was sent as to the question whether it is there, is gone.
SOCKET_OPTIONS = {
    "TCP_NODELAY": 1,
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,  # in milliseconds
}


def quiet_refusals() -> None:
    """
    A refusal is a sentence for the user; gevent would print a traceback of the greenlet besides.

    Set on the hub itself: gevent's resolver gives the hub a value of its own as soon as a name was looked up.
    """
    hub = gevent.get_hub()
    if PyinfraError not in hub.NOT_ERROR:
        hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError)


def disable_nagle(target: Host) -> None:
    """
    Send small packets at once: paramiko leaves Nagle's algorithm on, and every command then waits 40 ms for an
    acknowledgement that the other side delays. And notice a network that is cut: without, the run would wait for ever.
    """
    client = getattr(target.connector, "client", None)
    transport = client and client.get_transport()
    if transport is not None and isinstance(transport.sock, socket.socket):  # a ProxyJump channel has no options
        transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SOCKET_OPTIONS.items():
            if hasattr(socket, name):  # not every system has all of them
                transport.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


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


def read(nodes: Iterable[Node], fact: type[FactBase[Any]], **arguments: Any) -> dict[str, Any]:
    """
    A fact of several hosts, live and in parallel. None stands for a host that cannot be reached.

    + arguments: the fact's own; the same for all hosts
    """
    return read_each({node.name: (fact, arguments) for node in nodes})


def read_all(nodes: Iterable[Node], fact: type[FactBase[T]], **arguments: Any) -> dict[str, T]:
    """The same, for procedures that need every one of the hosts. Refuses while one of them cannot be reached."""
    seen = read(nodes, fact, **arguments)
    refuse_silence(seen)
    return seen


def refuse_silence(seen: Mapping[str, object]) -> None:
    """Refuse while a host that was asked cannot be reached. + seen: its answer by host name; None: it gave none"""
    if silent := [name for name, answer in seen.items() if answer is None]:
        raise UnsafeError(
            f"{', '.join(silent)} cannot be reached\n"
            "HINT: this step looks at all hosts first; bring it back, or remove it from the inventory."
        )


def read_first(nodes: Iterable[Node], fact: type[FactBase[T]], **arguments: Any) -> T | None:
    """A fact of the first of several hosts that can be reached; None when none can. + arguments: the fact's own"""
    for node in nodes:
        if (seen := read([node], fact, **arguments)[node.name]) is not None:
            found: T = seen
            return found
    return None


def read_each(questions: Mapping[str, tuple[type[FactBase[Any]], Mapping[str, Any]]]) -> dict[str, Any]:
    """
    Facts of several hosts, each with arguments of its own, live but in a first look, and in parallel.

    + questions: by host name
    """
    # gevent's greenlets begin without the context of the one that spawns them.
    jobs = {
        name: gevent.spawn(copy_context().run, _answer, target_named(name), *question)
        for name, question in questions.items()
    }
    return {name: job.get() for name, job in jobs.items()}


def _answer(target: Host, fact: type[FactBase[Any]], arguments: Mapping[str, Any]) -> Any:
    if target in state.failed_hosts:
        return None
    with suppress(NotSaidError):
        return remembered(target, fact, arguments)
    try:
        _connect(target)
        with ctx_host.use(target):
            return target.get_fact(fact, **arguments)
    except ConnectError:
        return None


def _connect(target: Host) -> None:
    if not target.connected:
        target.connect(raise_exceptions=True, show_errors=False)
        disable_nagle(target)


def run_each(target: Host, commands: Sequence[str], seconds: int) -> list[list[str] | None]:
    """
    What commands print on a host, all given at the same time. None for one that fails or hangs, and for all of them
    when the host cannot be reached. A fact would fail the host for that, and with it the run.
    """
    silence: list[list[str] | None] = [None] * len(commands)
    if target in state.failed_hosts and not target.connected:  # one that failed otherwise can be asked, e.g. why
        return silence
    try:
        _connect(target)
    except ConnectError:
        return silence
    jobs = [gevent.spawn(_lines, target, command, seconds) for command in commands]
    return [job.get() for job in jobs]


def _lines(target: Host, command: str, seconds: int) -> list[str] | None:
    # pyinfra's own timeout begins when the command has begun, which a frozen host never lets it.
    with gevent.Timeout(seconds, False), ctx_host.use(target):
        merged, _ = pop_global_arguments(state, target, {})
        arguments = {key: value for key, value in merged.items() if key in CONNECTOR_ARGUMENT_KEYS}
        try:
            done, output = target.run_shell_command(
                StringCommand(command),
                print_output=state.print_fact_output,
                print_input=state.print_fact_input,
                **arguments,
            )
        except (OSError, EOFError, SSHException):
            return None
        return list(output.stdout_lines) if done else None
    return None


def is_within_limit(node: Node) -> bool:
    """Whether ``--limit`` leaves a node, dead or alive."""
    return bool(state.is_host_in_limit(target_of(node)))


def acts_for_all() -> bool:
    """Whether the host at hand is the first of all that run deploy code."""
    return host.name == next(target.name for target in inventory if target in state.active_hosts)


def end_run(code: int) -> NoReturn:
    """
    End a run that only looks, before pyinfra asks whether it shall now execute nothing. Its connections are closed.

    + code: the exit code
    """
    raise SystemExit(code)


def refuse_other_deploys(name: str) -> None:
    """Refuse a run of several deploy files: pyinfra reads them all before it executes the first. + name: of this one"""
    files = [word for word in sys.argv[1:] if word.endswith(".py") and not word.endswith(f"/{name}")]
    if len(files) > 1:
        raise ConfigError(f"{name} looks at the hosts before {files[-1]} is done\nHINT: give each a run of its own.")
