"""What is wrong between HAProxy's settings and the members behind it: clients for whom there is no place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cluster.components.haproxy_connections import (
    DIVIDED,
    OWN_CONNECTIONS,
    all_connections,
    parameter,
    server_connections,
    sharers,
    usable_connections,
)
from cluster.declared.model import Cluster
from cluster.findings import Finding

WHERE = "group_data/all.py"
SHARE, ACCEPTED, PARAMETERS = "haproxy_member_share", "haproxy_max_connections", "postgres_parameters"
LATER = "(deploys/restart_pending.py makes it work)"


def haproxy_findings(cluster: Cluster) -> list[Finding]:
    """Limits that do not go with ``max_connections``, and readers that nobody would serve."""
    if not cluster.balancers or not cluster.members:
        return []
    return [*_shares(cluster), *_weights(cluster)]


def _shares(cluster: Cluster) -> Iterable[Finding]:
    try:
        usable, each = usable_connections(cluster), server_connections(cluster)
        most, connections = all_connections(cluster), parameter(cluster, "max_connections")
    except ValueError:  # named as a parameter with a wrong value
        return
    if usable + OWN_CONNECTIONS <= 0:
        return  # named there as well: nobody but superusers would get in
    accepted = cluster.settings.haproxy_max_connections
    if each < 1:
        yield _no_place(cluster, usable)
    elif accepted is not None and accepted > most:
        problem = (
            f"{accepted} clients on a port of HAProxy on {_balancers(cluster)}, and {_members(cluster)} together take "
            f"{most}: {_sum(cluster, usable)}"
        )
        needed = -(-accepted // len(cluster.members)) + connections - usable
        hint = (
            f"Lower it to {most}, raise max_connections to {needed} in {PARAMETERS} {LATER}, or take it out: then "
            "clients wait for a connection."
        )
        yield Finding(WHERE, ACCEPTED, problem, hint)


def _no_place(cluster: Cluster, usable: int) -> Finding:
    needed = parameter(cluster, "max_connections") - usable + sharers(cluster)
    raised = f"Raise max_connections to {needed} or more in {PARAMETERS} {LATER}"
    if cluster.settings.haproxy_member_share == DIVIDED and usable > 0:
        problem = (
            f"'{DIVIDED}' is among {sharers(cluster)} ports of HAProxy on {_balancers(cluster)}, and a member takes "
            f"{usable} clients: {_sum(cluster, usable)}"
        )
        return Finding(WHERE, SHARE, problem, f"{raised}, or set {SHARE} = 'whole'.")
    problem = f"no client of HAProxy on {_balancers(cluster)} would get a connection: {_sum(cluster, usable)}"
    return Finding(WHERE, PARAMETERS, problem, f"{raised}.")


def _sum(cluster: Cluster, usable: int) -> str:
    connections = parameter(cluster, "max_connections")
    reserved = connections - usable - OWN_CONNECTIONS
    return f"max_connections {connections} without {reserved} reserved and {OWN_CONNECTIONS} for the cluster itself"


def _balancers(cluster: Cluster) -> str:
    return ", ".join(node.name for node in cluster.balancers)


def _members(cluster: Cluster) -> str:
    return ", ".join(node.name for node in cluster.members)


def _weights(cluster: Cluster) -> Iterator[Finding]:
    if not any(member.settings.haproxy_weight for member in cluster.members):
        port = cluster.settings.haproxy_any_port
        problem = f"0 on {_members(cluster)}: port {port} of HAProxy on {_balancers(cluster)} would lead to no member"
        yield Finding("inventory.py", "haproxy_weight", problem, "Give one of them 1 or more.")
