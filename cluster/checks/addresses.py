"""What is wrong with the addresses of a host that has several: one is not there, or a service does not listen at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.all import listeners
from cluster.components.component_type import TCP, Listener
from cluster.declared.model import Node
from cluster.preflight.ports import listens


def findings(overview: Overview) -> Iterator[CheckFinding]:
    """Everything about networks of their own. Who has one address and lost it is not reached at all."""
    for node in overview.cluster:
        picture = overview.answer(node, "picture")
        if picture is not None and len(node.addresses) > 1:
            yield from _absent(node, picture)
            for listener in listeners(overview.cluster, node):
                yield from _unheard(overview, node, listener, picture)


def _absent(node: Node, picture: Mapping[str, Any]) -> Iterator[CheckFinding]:
    for address, setting in node.addresses.items():
        if str(address) not in picture["addresses"]:
            yield check_finding("address-absent", node.name, f"{address} ({setting}) is on no interface of the host")


def _unheard(overview: Overview, node: Node, listener: Listener, picture: Mapping[str, Any]) -> Iterator[CheckFinding]:
    """A service that listens nowhere is down, and one that waits for a restart is told of already."""
    heard = any(one["port"] == listener.port for one in picture["listening"])
    if not heard or listener.protocol != TCP or _waits(overview, node, listener):
        return
    for address, setting in node.addresses.items():
        if str(address) in listener.addresses and not listens(picture, str(address), listener.port):
            problem = f"nothing listens at port {listener.port} ({listener.setting}) of {address} ({setting})"
            yield check_finding("address-unheard", node.name, problem, unit=listener.unit)


def _waits(overview: Overview, node: Node, listener: Listener) -> bool:
    member = overview.member(node) if listener.setting == "postgres_port" else None
    return member is not None and member["pending_restart"]
