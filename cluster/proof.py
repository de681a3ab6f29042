"""What the end of a run proves: which endpoints are tried, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cluster.certificates import POSTGRES
from cluster.model import Cluster
from cluster.observed import SeenEndpoint
from cluster.secrets import Secret

SETTLE_SECONDS = 20


def endpoints(cluster: Cluster) -> list[dict[str, Any]]:
    """Where clients connect, with what has to hold there: ``write`` goes through, or is refused and ``read`` works."""
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


def question(cluster: Cluster, password: str) -> Secret:
    """The stdin of ``EndpointsTried``: as the admin role, verifying the name of what answers."""
    connection = {
        "user": cluster.settings.postgres_admin_user,
        "password": str(password),
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": POSTGRES.authority,
        "application_name": "pyinfra-patroni proof",
    }
    return Secret(json.dumps({"endpoints": endpoints(cluster), "connection": connection, "wait": SETTLE_SECONDS}))


def broken_endpoints(tried: Iterable[SeenEndpoint]) -> list[str]:
    """A sentence for each endpoint that does not lead where it should. + tried: ``EndpointsTried``"""
    return [f"{one['address']} port {one['port']} {reason}" for one in tried if (reason := _reason(one))]


def _reason(one: SeenEndpoint) -> str | None:
    if not one["connected"]:
        return f"does not connect: {one['error']}"
    if one["wants"] == "write":
        return None if one["wrote"] else "leads to a member that refuses writes"
    return None if one["refused"] else "leads to a member that takes writes"
