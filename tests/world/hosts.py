"""Operations run by pyinfra itself on hosts that are a simulation: no network, no containers, real order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import FrameType, SimpleNamespace
from typing import Any, Protocol

import pyinfra
import pyinfra.api.util
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from tests.world.known import Act, Question, known, origins_recorded
from tests.world.world import FailsError

PREFIX = "@fake/"


class Hosts(Protocol):
    """What the hosts are, and what commands make of them; ``World`` is one way to have them."""

    def asked(self, host: str, question: Question) -> list[str]:
        """A fact that one host is asked for. Returns what it prints."""

    def told(self, host: str, act: Act) -> list[str]:
        """Something that one host is told to do. Returns what it prints."""


def fake_cluster(count: int = 3, roles: Sequence[str] = ("postgres", "etcd"), **settings: Any) -> Cluster:
    """A cluster of fake hosts ``h1``, ``h2`` ..., every one with the same roles."""
    hosts = [
        DeclaredHost(f"h{n}", tuple(roles), {"cluster_address": f"10.0.0.{n}", **settings}, {})
        for n in range(1, count + 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


def run_operation(
    monkeypatch: pytest.MonkeyPatch,
    world: Hosts,
    cluster: Cluster,
    operation: Any,
    limit: Sequence[str] = (),
    others: Sequence[str] = (),
    **arguments: Any,
) -> dict[str, bool]:
    """
    Run one operation on all hosts of a cluster, as ``pyinfra -y`` does. Returns which hosts it changed.

    + limit: the hosts that ``--limit`` leaves in the run; absent: all
    + others: hosts of the inventory that are of another cluster
    + arguments: the operation's own, beside the cluster
    """
    (done,) = run_operations(monkeypatch, world, cluster, [(operation, arguments)], limit, others)
    return done


def run_operations(
    monkeypatch: pytest.MonkeyPatch,
    world: Hosts,
    cluster: Cluster,
    steps: Sequence[tuple[Any, Mapping[str, Any]]],
    limit: Sequence[str] = (),
    others: Sequence[str] = (),
) -> list[dict[str, bool]]:
    """The same with several, one after the other in one run. + steps: operations, each with its arguments"""
    answering(monkeypatch, world)
    names = [*(node.name for node in cluster), *others]
    inventory = Inventory(([f"{PREFIX}{name}" for name in names], {}))
    state = State(inventory, Config(FAIL_PERCENT=0), check_for_changes=False)
    with ExitStack() as stack:
        for context, value in ((ctx_state, state), (ctx_inventory, inventory)):
            stack.enter_context(context.use(value))
        state.set_stage(StateStage.Connect)
        connect_all(state)
        if limit:
            state.active_hosts = {inventory.get_host(f"{PREFIX}{name}") for name in limit}
        state.set_stage(StateStage.Prepare)
        done = [add_op(state, operation, cluster=cluster, **arguments) for operation, arguments in steps]
        state.set_stage(StateStage.Execute)
        state.is_executing = True
        run_ops(state)
    return [{host.name.removeprefix(PREFIX): meta.did_change() for host, meta in one.items()} for one in done]


def answering(monkeypatch: pytest.MonkeyPatch, world: Hosts) -> None:
    """Let the hosts of a world answer whatever pyinfra runs."""

    def run_shell_command(self: Any, command: Any, *_: Any, **arguments: Any) -> tuple[bool, CommandOutput]:
        name = self.host.name.removeprefix(PREFIX)
        what = known(command, "".join(map(str, arguments.get("_stdin") or [])))
        try:
            done, lines = True, world.asked(name, what) if isinstance(what, Question) else world.told(name, what)
        except FailsError as failure:
            done, lines = False, failure.lines
        stream = "stdout" if done else "stderr"
        return done, CommandOutput([OutputLine(stream, line) for line in lines])

    origins_recorded(monkeypatch)
    monkeypatch.setattr(FakeConnector, "run_shell_command", run_shell_command)


def planned(
    monkeypatch: pytest.MonkeyPatch, world: Hosts, cluster: Cluster, deploy: Callable[[], None]
) -> list[tuple[str, set[str]]]:
    """The operations of a deploy in pyinfra's own order, none of them executed, each with the hosts that call it."""
    answering(monkeypatch, world)
    inventory = Inventory(([f"{PREFIX}{node.name}" for node in cluster], {}))
    state = State(inventory, Config(FAIL_PERCENT=0), check_for_changes=False)
    with ctx_state.use(state), ctx_inventory.use(inventory):
        state.set_stage(StateStage.Connect)
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        # From the command line an operation is known by the line that calls it, from a program by its number.
        monkeypatch.setattr(pyinfra, "is_cli", True)
        # Of a caller its file and line count; to look for its text, too, costs more than all the rest.
        monkeypatch.setattr(pyinfra.api.util, "stack", _frames)
        monkeypatch.setattr(pyinfra.api.util, "getframeinfo", _place)
        for target in inventory:
            with ctx_host.use(target):
                deploy()
        return [(", ".join(state.op_meta[one].names), _callers(state, one)) for one in state.get_op_order()]


def _frames() -> list[tuple[FrameType]]:
    frame: FrameType | None = sys._getframe(1)
    found = []
    while frame is not None:
        found.append((frame,))
        frame = frame.f_back
    return found


def _place(frame: FrameType) -> SimpleNamespace:
    return SimpleNamespace(filename=frame.f_code.co_filename, lineno=frame.f_lineno)


def _callers(state: State, operation: str) -> set[str]:
    return {host.name.removeprefix(PREFIX) for host in state.inventory if operation in state.ops[host]}


def changed(changes: Mapping[str, bool]) -> list[str]:
    """The hosts on which something was done."""
    return [name for name, done in changes.items() if done]
