"""What is wrong with HAProxy: it is down, leads to another member than the primary, or keeps replicas from readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.haproxy_servers import server_name
from cluster.declared.model import Node

PRIMARY, REPLICAS = "primary", "replicas"


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about the balancers that were reached."""
    for node in overview.reached(overview.cluster.balancers):
        if overview.has_answer(node, "haproxy"):
            yield from _balancer(overview, node)
    yield from _lagging(overview)


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


def _lagging(overview: Overview) -> Iterable[CheckFinding]:
    for member in overview.cluster.members:
        balancers = [node.name for node in overview.cluster.balancers if member in lagging(overview, node)]
        if balancers:
            limit = overview.cluster.settings.haproxy_replica_max_lag_mib
            problem = (
                f"lags by {overview.lag_mib(member)} MiB and gets no readers from HAProxy on {', '.join(balancers)}; "
                f"{limit} MiB are permitted"
            )
            yield check_finding("haproxy-replica-lags", member.name, problem)


def lagging(overview: Overview, balancer: Node) -> list[Node]:
    """The members that one HAProxy sends no readers to because they lag too much, as far as can be known."""
    limit = overview.cluster.settings.haproxy_replica_max_lag_mib
    servers: Mapping[str, Mapping[str, str]] = (overview.answer(balancer, "haproxy") or {}).get(REPLICAS, {})
    refused = [name for name, one in servers.items() if (one["status"], one["check"]) == ("DOWN", "L7STS")]
    return [
        member
        for member in overview.cluster.members
        if limit and server_name(member) in refused and member != overview.leader
        if (overview.lag_mib(member) or 0) >= limit
    ]


def servers_up(overview: Overview, node: Node, section: str) -> list[str]:
    """The servers of a section that a balancer takes for fit; none while it is down."""
    servers: Mapping[str, Mapping[str, str]] = (overview.answer(node, "haproxy") or {}).get(section, {})
    return [name for name, server in servers.items() if server["status"] == "UP"]


def _reasons(overview: Overview, node: Node) -> str:
    servers = overview.answer(node, "haproxy").get(PRIMARY, {})
    said = [f"{name} {server['status']} {server['check']}" for name, server in servers.items()]
    return f": {', '.join(said)}" if said else ""
