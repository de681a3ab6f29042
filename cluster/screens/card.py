"""The connection card: what a person needs to use the cluster, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Pool, pooling_hosts
from cluster.endpoints.endpoints import (
    client_endpoints,
    pooled_addresses,
    pooled_endpoints,
    published_endpoints,
    virtual_endpoints,
)
from cluster.finding_types.finding_type import RUN
from cluster.observed.patroni import SeenPatroni
from cluster.screens.monitoring import page_words
from cluster.verdicts.health import leaders_timeline, waiting_for_restart


def connection_card(
    cluster: Cluster,
    seen: SeenPatroni,
    version: str,
    places: Mapping[str, str],
    has_backup: bool | None = None,
    fed: str | None = None,
) -> list[str]:
    """
    The card's lines.

    + seen: ``PatroniCluster`` as proven
    + version: PostgreSQL's, as a client sees it
    + places: ``ca`` and ``password``: where the CA's certificate and the admin's password lie
    + has_backup: whether the repository has any; None when nobody looked
    + fed: of a standby cluster: by whom, and how far it is behind
    """
    title = f"{cluster.name}: PostgreSQL {version}, Patroni {seen['version']}, timeline {leaders_timeline(seen)}"
    return [
        title,
        *([f"  STANDBY   {fed}; read-only until deploys/promote.py"] if fed else []),
        "",
        *_endpoints(cluster),
        *_addresses(cluster),
        *_pools(cluster),
        "",
        "  Members",
        *(_member(cluster, node, seen) for node in cluster.members),
        *_waiting(cluster, seen),
        "",
        "  Connect",
        f"    psql  {libpq(cluster, places['ca'])}",
        f"    JDBC  {jdbc(cluster, places['ca'])}",
        *_from_here(cluster, places["ca"]),
        "",
        f"  Login     {cluster.settings.postgres_admin_user}, password: {places['password']}",
        f"  CA        {places['ca']}",
        *_backups(cluster, has_backup),
        *_metrics(cluster),
    ]


def _metrics(cluster: Cluster) -> list[str]:
    if not cluster.settings.monitoring:
        return []
    lines = page_words(cluster)
    return [f"  Metrics   {lines[0]}", *(f"            {line}" for line in lines[1:])] if lines else [_UNWATCHED]


_UNWATCHED = f"  Metrics   for a Prometheus of your own: `{RUN}/monitoring.py --data export=DIR`"


def _backups(cluster: Cluster, has_backup: bool | None) -> list[str]:
    if cluster.repository is None:
        return []
    advice = "unreadable without PGBACKREST_CIPHER_PASS: keep that secret elsewhere too"
    lines = [f"  Backups   on {cluster.repository.name}, {advice}"]
    first = f"            NO BACKUP YET: `{RUN}/backup.py --data type=full` takes the first one now"
    return [*lines, first] if has_backup is False else lines


def _endpoints(cluster: Cluster) -> list[str]:
    settings = cluster.settings
    writes = (("read-write", settings.haproxy_primary_port, "the primary"),)
    ports = (
        *(writes if cluster.source is None else ()),
        ("read-only", settings.haproxy_replicas_port, "the replicas" if cluster.source is None else "all members"),
        ("statistics", settings.haproxy_stats_port, f"https, login {settings.haproxy_stats_user}"),
    )
    hosts = ", ".join(str(node.client_address) for node in cluster.balancers)
    lines = [f"    {what:<11} port {port:<5} {whither}" for what, port, whither in ports]
    return [f"  Endpoints on {hosts}", *lines] if cluster.balancers else ["  Endpoints: the members themselves"]


def _addresses(cluster: Cluster) -> list[str]:
    """What each virtual address leads to, whoever has it."""
    standby = cluster.source is not None
    meant = {"write": "the primary", "read": "all members" if standby else "a replica"}
    endpoints = virtual_endpoints(cluster)
    width = max((len(str(one.address)) for one, _ in endpoints), default=0)
    lines = [f"    {one.address!s:<{width}}  port {port:<5} {meant[one.use]}" for one, port in endpoints]
    return ["  Virtual addresses", *lines] if lines else []


_LED: dict[Pool, str] = {"write": "the primary", "read": "the replicas", "session": "the primary"}


def _pools(cluster: Cluster) -> list[str]:
    """The pools of PgBouncer, and what transaction pooling forbids."""
    offered = pooled_endpoints(cluster)
    if not offered:
        return []
    hosts = ", ".join(str(node.client_address) for node in pooling_hosts(cluster))
    led = _LED if cluster.settings.pgbouncer_on == "haproxy" else dict.fromkeys(_LED, "the member's own PostgreSQL")
    lines = [
        f"    {pool:<11} port {port:<5} {led[pool]}, {'session' if pool == 'session' else 'transaction'} pooling"
        for pool, port in offered
    ]
    also = ", and at the virtual addresses" if pooled_addresses(cluster) else ""
    return [f"  Pools on {hosts}{also}", *lines, *_FORBIDDEN, f"    {_instead(cluster)}"]


_FORBIDDEN = (
    "    With transaction pooling nothing of a session outlives its transaction: no SET, LISTEN, temporary tables, or",
    "    advisory locks of a session. Prepared statements work, as drivers make them.",
)


def _instead(cluster: Cluster) -> str:
    settings = cluster.settings
    direct = settings.haproxy_primary_port if cluster.balancers else settings.postgres_port
    pool = f"the pool session (port {settings.pgbouncer_session_port}) or " if settings.pgbouncer_session_size else ""
    return f"For these use {pool}port {direct}."


def _member(cluster: Cluster, node: Node, seen: SeenPatroni) -> str:
    found = seen["members"][node.name]
    lag = "" if node.name == seen["leader"] else f"  lag {found['lag_mib'] or 0} MiB"
    state = "streaming" if found["streaming"] else found["state"]
    endpoint = node.client_address.endpoint(cluster.settings.postgres_port)
    leads = "leader " if cluster.source is None else "standby leader"
    role = leads if node.name == seen["leader"] else "replica"
    width = max(len(member.name) for member in cluster.members)
    return (
        f"    {node.name:<{width}}  {endpoint:<24} {role:<{len(leads)}}  {state:<10} timeline {found['timeline']}{lag}"
    )


def _waiting(cluster: Cluster, seen: SeenPatroni) -> list[str]:
    waiting = waiting_for_restart(cluster, seen)
    return [f"    a restart of PostgreSQL is pending on {', '.join(waiting)}"] if waiting else []


def libpq(cluster: Cluster, ca: str) -> str:
    """A libpq connection string over all endpoints. https://www.postgresql.org/docs/current/libpq-connect.html"""
    addresses, port = _front(cluster)
    return _conninfo(cluster, ",".join(map(str, addresses)), str(port), ca)


def _front(cluster: Cluster) -> tuple[list[Address], int]:
    """Where clients come in: at the virtual addresses where there are any for that, else at every host."""
    use = "write" if cluster.source is None else "read"
    virtual = [(one.address, port) for one, port in virtual_endpoints(cluster) if one.use == use]
    if virtual:
        return [address for address, _ in virtual], virtual[0][1]
    nodes, port = client_endpoints(cluster)
    return [node.client_address for node in nodes], port


def _conninfo(cluster: Cluster, hosts: str, ports: str, ca: str) -> str:
    user = cluster.settings.postgres_admin_user
    return (
        f"'host={hosts} port={ports} user={user} dbname=postgres sslmode=verify-full sslrootcert={ca} "
        f"target_session_attrs={'read-write' if cluster.source is None else 'any'}'"
    )


def jdbc(cluster: Cluster, ca: str) -> str:
    """The same for JDBC. https://jdbc.postgresql.org/documentation/use/"""
    addresses, port = _front(cluster)
    hosts = ",".join(address.endpoint(port) for address in addresses)
    kind = "primary" if cluster.source is None else "any"
    return f"'jdbc:postgresql://{hosts}/postgres?targetServerType={kind}&sslmode=verify-full&sslrootcert={ca}'"


def _from_here(cluster: Cluster, ca: str) -> list[str]:
    """For hosts behind published ports, as containers are: how the control machine itself gets there."""
    nodes, port = client_endpoints(cluster)
    endpoints = published_endpoints(nodes, port)
    if not endpoints:
        return []
    hosts, ports = (",".join(map(str, part)) for part in zip(*endpoints, strict=True))
    stats = nodes[0].settings.cluster_published_ports.get(cluster.settings.haproxy_stats_port)
    lines = [f"    here  psql {_conninfo(cluster, hosts, ports, ca)}"]
    return lines + ([f"    here  https://127.0.0.1:{stats} (statistics)"] if stats else [])
