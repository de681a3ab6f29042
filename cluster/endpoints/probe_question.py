"""What a probe is told before it begins: how the clients of a cluster connect, from where the run is started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.declared.model import Cluster
from cluster.declared.vip import Use
from cluster.endpoints.endpoints import (
    Endpoint,
    endpoints_from_here,
    read_endpoints,
    virtual_endpoints,
    write_endpoints,
)
from cluster.secrets.secrets import Secret


@dataclass(frozen=True)
class Probe:
    """
    A probe that is asked for.

    + question: its standard input; + cluster: whose
    + pictures: directory for what it saw; "": nothing is kept
    """

    question: Secret
    cluster: str = ""
    pictures: str = ""


def probe_question(cluster: Cluster, password: str, authority: str) -> Secret:
    """
    The probe's standard input: libpq's parameters for writers, and for readers where there is an endpoint for them. Of
    each the ways in their order, virtual addresses first: the probe takes the first that leads somewhere from here.

    With it where to ask each member's Patroni what it is.

    + password: the admin role's
    + authority: path of the CA's certificate
    """
    login = {
        "user": cluster.settings.postgres_admin_user,
        "password": str(password),
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": authority,
        "application_name": "pyinfra-patroni probe",
    }
    ways = {
        "write": _ways(cluster, "write", endpoints_from_here(*write_endpoints(cluster)), {**login, **_WRITES}),
        "patroni": _patroni(cluster),
        "authority": authority,
        "read": _ways(cluster, "read", endpoints_from_here(*read_endpoints(cluster)), {**login, **_reads(cluster)}),
    }
    return Secret(json.dumps(ways))


def _patroni(cluster: Cluster) -> list[dict[str, Any]]:
    """Where each member's Patroni says what it is; it tells that to everyone."""
    port = cluster.settings.patroni_rest_port
    places = ((node.name, endpoints_from_here([node], port)) for node in cluster.members)
    return [{"name": name, "host": host, "port": number} for name, listed in places for host, number in listed]


_WRITES = {"target_session_attrs": "read-write"}


def _reads(cluster: Cluster) -> dict[str, str]:
    """HAProxy's port for readers leads to the right members; without HAProxy the clients choose."""
    return {} if cluster.balancers else {"target_session_attrs": "prefer-standby"}


def _ways(cluster: Cluster, use: Use, hosts: Sequence[Endpoint], login: dict[str, Any]) -> list[dict[str, Any]]:
    virtual = [(str(one.address), port) for one, port in virtual_endpoints(cluster) if one.use == use]
    return [{**login, **_hosts(listed)} for listed in (virtual, hosts) if listed]


def _hosts(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    return {"host": ",".join(host for host, _ in endpoints), "port": ",".join(str(port) for _, port in endpoints)}
