"""What is wrong with HAProxy: it is down, or sends its clients to another member than the primary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.haproxy import server_name
from cluster.declared.model import Node

PRIMARY = "primary"


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about the balancers that were reached."""
    for node in overview.reached(overview.cluster.balancers):
        if overview.has_answer(node, "haproxy"):
            yield from _balancer(overview, node)


def _balancer(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    if overview.answer(node, "haproxy") is None:
        if not overview.is_stopped(node, "haproxy"):
            yield check_finding("haproxy-down", node.name, "HAProxy does not run, so its clients connect to nothing")
        return
    up, port = servers_up(overview, node, PRIMARY), overview.cluster.settings.patroni_rest_port
    if not up and overview.is_standby:
        return
    if not up:
        problem = f"no server is up on port {overview.cluster.settings.haproxy_primary_port}{_reasons(overview, node)}"
        yield check_finding("haproxy-no-primary", node.name, problem, port=port)
    elif len(up) > 1:
        yield check_finding("haproxy-two-primaries", node.name, f"takes {' and '.join(up)} for the primary")
    elif overview.leader is not None and up[0] != server_name(overview.leader):
        problem = f"sends clients to {up[0]}, but {overview.leader.name} is the leader"
        yield check_finding("haproxy-other-primary", node.name, problem)


def servers_up(overview: Overview, node: Node, section: str) -> list[str]:
    """The servers of a section that a balancer takes for fit; none while it is down."""
    servers: Mapping[str, Mapping[str, str]] = (overview.answer(node, "haproxy") or {}).get(section, {})
    return [name for name, server in servers.items() if server["status"] == "UP"]


def _reasons(overview: Overview, node: Node) -> str:
    servers = overview.answer(node, "haproxy").get(PRIMARY, {})
    said = [f"{name} {server['status']} {server['check']}" for name, server in servers.items()]
    return f": {', '.join(said)}" if said else ""
