"""What the end of a run proves: which endpoints are tried, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.declared.model import Cluster, Node
from cluster.observed.postgres import SeenEndpoint
from cluster.pki.certificates import POSTGRES
from cluster.secrets.secrets import Secret

SETTLE_SECONDS = 20
SOCKETS = "/var/run/postgresql"


def endpoints(cluster: Cluster) -> list[dict[str, Any]]:
    """
    Where clients connect through HAProxy, with what has to hold there: ``write`` goes through, or is refused and
    ``read`` works.
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
    # With a single member the replicas' port falls back to the primary, or leads nowhere: nothing to be refused.
    return [one for one in listed if one["wants"] == "write" or len(cluster.members) > 1 or cluster.source]


def own_endpoint(cluster: Cluster, node: Node, leader: str | None) -> dict[str, Any]:
    """
    The same of a member to which clients come themselves. It is tried on the member, by ways that pg_hba always lets
    in: over its loopback, under the address that its certificate has to have for the clients, or where PostgreSQL does
    not listen there, over its socket. + leader: who leads
    """
    places, loopback = cluster.settings.postgres_listen, node.address.loopback
    listens = not places or not {"*", "0.0.0.0", "::", "localhost", loopback}.isdisjoint(places)
    writes = node.name == leader and cluster.source is None
    return {
        "address": str(node.address),
        "port": cluster.settings.postgres_port,
        "by": {"hostaddr": loopback} if listens else {"host": SOCKETS},
        "wants": "write" if writes else "read",
    }


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
    return [f"{one['address']} port {one['port']} {reason}" for one in tried if (reason := _reason(one))]


def _reason(one: SeenEndpoint) -> str | None:
    if not one["connected"]:
        return f"does not connect: {one['error']}"
    if one["wants"] == "write":
        return None if one["wrote"] else "leads to a member that refuses writes"
    return None if one["refused"] else "leads to a member that takes writes"
