"""What the end of a run proves: which endpoints are tried, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.declared.model import Cluster, Node
from cluster.declared.vip import ON_MEMBERS
from cluster.endpoints.endpoints import address_doors
from cluster.observed.postgres import SeenEndpoint
from cluster.pki.certificates import POSTGRES
from cluster.secrets.secrets import Secret

SETTLE_SECONDS = 20
SOCKETS = "/var/run/postgresql"


def endpoints(cluster: Cluster) -> list[dict[str, Any]]:
    """
    Where clients connect through HAProxy, at virtual addresses, too, with what has to hold there: ``write`` goes
    through, or is refused and ``read`` works.
    """
    settings = cluster.settings
    ports = {"write": settings.haproxy_primary_port, "read": settings.haproxy_replicas_port}
    if cluster.source is not None:
        del ports["write"]  # nobody takes writes there, and every member serves readers
    listed = [
        {"address": str(node.address), "port": port, "wants": wants}
        for node in cluster.balancers
        for wants, port in ports.items()
    ]
    if settings.vip_mode == "haproxy":
        listed += _virtual(cluster, "routed")  # a member may have no IPv6
    return [one for one in listed if _tells(cluster, one)]


def _virtual(cluster: Cluster, condition: str) -> list[dict[str, Any]]:
    doors = address_doors(cluster)
    return [{"address": str(one.address), "port": port, "wants": one.use, "if": condition} for one, port in doors]


def _tells(cluster: Cluster, one: Mapping[str, Any]) -> bool:
    # With a single member the replicas' port falls back to the primary, or leads nowhere: nothing to be refused.
    return one["wants"] == "write" or len(cluster.members) > 1 or cluster.source is not None


def held_endpoints(cluster: Cluster, node: Node) -> list[dict[str, Any]]:
    """
    The virtual addresses that members have themselves. Each is tried on the member that has it at that moment, by the
    ways of ``own_endpoint``: from elsewhere pg_hba need not let anybody in.
    """
    if cluster.settings.vip_mode not in ON_MEMBERS:
        return []
    listed = [{**one, "by": _own_way(cluster, node)} for one in _virtual(cluster, "held")]
    return [one for one in listed if _tells(cluster, one)]


def unheld_addresses(tried: Iterable[SeenEndpoint]) -> list[str]:
    """A sentence for each virtual address that no member has. + tried: ``EndpointsTried`` of all members"""
    found: dict[str, bool] = {}
    for one in (one for one in tried if one.get("if") == "held"):
        found[one["address"]] = found.get(one["address"], False) or not one.get("left_out")
    return [f"{address} is on no member" for address, held in found.items() if not held]


def own_endpoint(cluster: Cluster, node: Node, leader: str | None) -> dict[str, Any]:
    """
    The same of a member to which clients come themselves. It is tried on the member, by ways that pg_hba always lets
    in: over its loopback, under the address that its certificate has to have for the clients, or where PostgreSQL does
    not listen there, over its socket. + leader: who leads
    """
    writes = node.name == leader and cluster.source is None
    return {
        "address": str(node.address),
        "port": cluster.settings.postgres_port,
        "by": _own_way(cluster, node),
        "wants": "write" if writes else "read",
    }


def _own_way(cluster: Cluster, node: Node) -> dict[str, str]:
    places, loopback = cluster.settings.postgres_listen, node.address.loopback
    listens = not places or not {"*", "0.0.0.0", "::", "localhost", loopback}.isdisjoint(places)
    return {"hostaddr": loopback} if listens else {"host": SOCKETS}


def question(cluster: Cluster, password: str, tried: Sequence[Mapping[str, Any]]) -> Secret:
    """The stdin of ``EndpointsTried``: as the admin role, verifying the name of what answers. + tried: the endpoints"""
    connection = {
        "user": cluster.settings.postgres_admin_user,
        "password": str(password),
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": POSTGRES.authority,
        "application_name": "pyinfra-patroni proof",
    }
    return Secret(json.dumps({"endpoints": tried, "connection": connection, "wait": SETTLE_SECONDS}))


def broken_endpoints(tried: Iterable[SeenEndpoint]) -> list[str]:
    """A sentence for each endpoint that does not lead where it should. + tried: ``EndpointsTried``"""
    reasons = ((one, _reason(one)) for one in tried if not one.get("left_out"))
    return [f"{one['address']} port {one['port']} {reason}" for one, reason in reasons if reason]


def _reason(one: SeenEndpoint) -> str | None:
    if not one["connected"]:
        return f"does not connect: {one['error']}"
    if one["wants"] == "write":
        return None if one["wrote"] else "leads to a member that refuses writes"
    return None if one["refused"] else "leads to a member that takes writes"
