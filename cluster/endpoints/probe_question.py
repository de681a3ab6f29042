"""What a probe is told before it begins: how the clients of a cluster connect, from where the run is started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cluster.declared.model import Cluster
from cluster.endpoints.endpoints import Endpoint, endpoints_from_here, read_endpoints, write_endpoints
from cluster.secrets.secrets import Secret


def probe_question(cluster: Cluster, password: str, authority: str) -> Secret:
    """
    The probe's standard input: libpq's parameters for writers, and for readers where there is an endpoint for them.

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
    writers = {**login, **_hosts(endpoints_from_here(*write_endpoints(cluster))), "target_session_attrs": "read-write"}
    readers = endpoints_from_here(*read_endpoints(cluster))
    # HAProxy's port for readers leads to the right members; without HAProxy the clients choose.
    choice = {} if cluster.balancers else {"target_session_attrs": "prefer-standby"}
    return Secret(json.dumps({"write": writers, "read": {**login, **_hosts(readers), **choice} if readers else None}))


def _hosts(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    return {"host": ",".join(host for host, _ in endpoints), "port": ",".join(str(port) for _, port in endpoints)}
