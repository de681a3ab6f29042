"""What other hosts than the one at hand say: facts, live and in parallel, and the output of quick commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

import gevent
from pyinfra import state
from pyinfra.api import FactBase, Host, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors.ssh import SSHException
from pyinfra.context import ctx_host

from cluster.declared.model import Node
from cluster.errors import UnsafeError
from operations.util.hosts import target_named
from operations.util.said import NotSaidError, remembered
from operations.util.session import disable_nagle

T = TypeVar("T")


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
