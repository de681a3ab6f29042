"""What the end of a run proves: which endpoints are tried, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.components.haproxy_connections import server_connections
from cluster.components.haproxy_servers import PRIMARY, services
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import ON_MEMBERS
from cluster.endpoints.endpoints import pooled_addresses, pooled_endpoints, virtual_endpoints
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenEndpoint
from cluster.pki.certificates import POSTGRES
from cluster.secrets.secrets import Secret

SETTLE_SECONDS = 20
SOCKETS = "/var/run/postgresql"


@dataclass(frozen=True)
class Expected:
    """Who may answer at a port: members as a primary, and members as a standby. + wants: what the port is for"""

    wants: str
    primaries: Sequence[Node] = ()
    standbys: Sequence[Node] = ()


def endpoints(cluster: Cluster, look: Callable[[], SeenPatroni]) -> list[dict[str, Any]]:
    """
    Where clients connect through HAProxy, and the pools in front of it, at virtual addresses, too, with who may answer
    there: every port that is open and has somebody to lead to.

    + look: ``PatroniCluster``, which is waited for only where the declaration does not say who that is
    """
    if not cluster.balancers:
        return []
    expected = {one.port: _expected(cluster, one.name, look) for one in services(cluster)} | _pooled(cluster, look)
    leading = {port: _asked(cluster, one) for port, one in expected.items() if one.primaries or one.standbys}
    listed: list[dict[str, Any]] = [
        {"address": str(node.client_address), "port": port} for node in cluster.balancers for port in leading
    ]
    if cluster.settings.vip_mode == "haproxy":
        virtual = [(str(one.address), port) for one, port in virtual_endpoints(cluster)]
        virtual += [(str(one.address), port) for one, _, port in pooled_addresses(cluster)]
        # A member may have no IPv6.
        listed += [{"address": address, "port": port, "if": "routed"} for address, port in virtual if port in leading]
    return [{**one, **leading[one["port"]]} for one in listed]


def _pooled(cluster: Cluster, look: Callable[[], SeenPatroni]) -> dict[int, Expected]:
    """The pools beside HAProxy, by port: they lead where its own ports do."""
    if cluster.settings.pgbouncer_on != "haproxy":
        return {}
    services = {pool: "replicas" if pool == "read" else PRIMARY for pool, _ in pooled_endpoints(cluster)}
    return {port: _expected(cluster, services[pool], look) for pool, port in pooled_endpoints(cluster)}


def own_pools(cluster: Cluster, node: Node, leader: str | None) -> list[dict[str, Any]]:
    """The pools of a member in front of its own PostgreSQL, tried on the member. + leader: who leads"""
    if cluster.settings.pgbouncer_on != "members":
        return []
    loopback, writes = node.address.loopback, node.name == leader and cluster.source is None
    way = {"by": {"hostaddr": loopback}, "wants": "write" if writes else "read"}
    led = {"primaries": [loopback] * writes, "standbys": [loopback] * (not writes)}
    return [{"address": str(node.client_address), "port": port, **way, **led} for _, port in pooled_endpoints(cluster)]


def held_endpoints(cluster: Cluster, node: Node) -> list[dict[str, Any]]:
    """
    The virtual addresses that members have themselves. Each is tried on the member that has it at that moment, by the
    ways of ``own_endpoint``: from elsewhere pg_hba need not let anybody in.
    """
    if cluster.settings.vip_mode not in ON_MEMBERS:
        return []
    virtual = virtual_endpoints(cluster)
    listed = [({"address": str(one.address), "port": port, "if": "held"}, one.use) for one, port in virtual]
    # With a single member there is no replica: nothing to be refused.
    return [
        {**one, **_itself(cluster, node, use)}
        for one, use in listed
        if use == "write" or len(cluster.members) > 1 or cluster.source is not None
    ]


def unheld_addresses(tried: Iterable[SeenEndpoint]) -> list[str]:
    """A sentence for each virtual address that no member has and serves. + tried: ``EndpointsTried`` of all members"""
    found: dict[str, bool] = {}
    for one in (one for one in tried if one.get("if") == "held"):
        found[one["address"]] = found.get(one["address"], False) or not one.get("left_out")
    return [f"no member serves {address}" for address, held in found.items() if not held]


def _asked(cluster: Cluster, one: Expected) -> dict[str, Any]:
    # HAProxy sends each to the member with the fewest: as many at once as there are members meet all of them.
    times = 1 if one.wants == "write" else max(1, min(len(one.standbys), server_connections(cluster)))
    addresses = {
        "primaries": [str(node.address) for node in one.primaries],
        "standbys": [str(node.address) for node in one.standbys],
    }
    return {"wants": one.wants, **addresses, "times": times}


def _expected(cluster: Cluster, service: str, look: Callable[[], SeenPatroni]) -> Expected:
    writable = cluster.members if cluster.source is None else ()
    if service == PRIMARY:
        return Expected("write", writable)
    readers = _readers(cluster)
    if service == "replicas":
        return _for_readers(cluster, _apart_from_leader(cluster, readers, look) if len(readers) < 2 else readers)
    if service == "any":
        return Expected("any", [node for node in writable if node.settings.haproxy_weight], readers)
    counted = {name for name, member in look()["members"].items() if member["synchronous"]}
    fitting = _apart_from_leader(cluster, readers, look)
    return Expected(service, (), [node for node in fitting if (node.name in counted) == (service == "synchronous")])


def _readers(cluster: Cluster) -> list[Node]:
    """The members that may serve readers as a standby. The leader of a standby cluster does whatever its tags say."""
    return [
        node
        for node in cluster.members
        if node.settings.haproxy_weight and (cluster.source or not node.settings.patroni_tags.get("noloadbalance"))
    ]


def _apart_from_leader(cluster: Cluster, readers: Iterable[Node], look: Callable[[], SeenPatroni]) -> list[Node]:
    return [node for node in readers if cluster.source or node.name != look()["leader"]]


def _for_readers(cluster: Cluster, standbys: Sequence[Node]) -> Expected:
    leads_on = cluster.source is None and cluster.settings.haproxy_replicas_fallback == "primary"
    if leads_on and not standbys:
        return Expected("write", cluster.members)
    # Replicas that lag too much may be out at this moment, all of them.
    beside = cluster.members if leads_on and cluster.settings.haproxy_replica_max_lag_mib else ()
    return Expected("read", beside, standbys)


def awaits_restart(tried: Iterable[SeenEndpoint]) -> bool:
    """
    Whether PostgreSQL listens on virtual addresses on no member yet, as where they were declared for a cluster that
    runs: it does from its next start on, and no member has them before. + tried: ``EndpointsTried`` of all members
    """
    absent = [one for one in tried if one.get("if") == "held" and one.get("left_out")]
    return bool(absent) and not any(one.get("heard") for one in absent)


def own_endpoint(cluster: Cluster, node: Node, leader: str | None) -> dict[str, Any]:
    """
    The same of a member to which clients come themselves. It is tried on the member, by ways that pg_hba always lets
    in: over its loopback, under the address that its certificate has to have for the clients, or where PostgreSQL does
    not listen there, over its socket. + leader: who leads
    """
    writes = node.name == leader and cluster.source is None
    known = {"address": str(node.client_address), "port": cluster.settings.postgres_port}
    return {**known, **_itself(cluster, node, "write" if writes else "read")}


def _itself(cluster: Cluster, node: Node, use: str) -> dict[str, Any]:
    """How a member is tried on its own host, and that it is the one who answers."""
    places, loopback = cluster.settings.postgres_listen, node.address.loopback
    listens = not places or not {"*", "0.0.0.0", "::", "localhost", loopback}.isdisjoint(places)
    by, itself = ({"hostaddr": loopback}, loopback) if listens else ({"host": SOCKETS}, "")
    writes = use == "write"
    return {"by": by, "wants": use, "primaries": [itself] * writes, "standbys": [itself] * (not writes)}


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


def broken_endpoints(cluster: Cluster, tried: Iterable[SeenEndpoint]) -> list[str]:
    """A sentence for each endpoint that does not lead where it should. + tried: ``EndpointsTried``"""
    reasons = ((one, _reason(cluster, one)) for one in tried if not one.get("left_out"))
    return [f"{one['address']} port {one['port']} {reason}" for one, reason in reasons if reason]


def _reason(cluster: Cluster, one: SeenEndpoint) -> str | None:
    if not one["connected"]:
        return f"does not connect: {one['error']}"
    if one["wrote"] and not one["primaries"]:
        return "leads to a member that takes writes"
    if not one["wrote"] and (one["wants"] == "write" or not one["refused"]):
        # Refused for another reason is not refused as on a standby: nobody knows what it is.
        return f"leads to a member that {'refuses' if one['wants'] == 'write' else 'takes'} writes"
    if one["server"] in one["primaries" if one["wrote"] else "standbys"]:
        return None
    return f"leads to {_misfit(cluster, one)}"


def _misfit(cluster: Cluster, one: SeenEndpoint) -> str:
    name = next((node.name for node in cluster.members if str(node.address) == one["server"]), None)
    if name is None:
        return f"{one['server']}, which is no member"
    words = {"synchronous": "is not synchronous", "asynchronous": "is synchronous, or leads"}
    return f"{name}, which {words.get(one['wants'], 'is declared to get no readers')}"
