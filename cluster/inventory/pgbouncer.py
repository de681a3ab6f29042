"""What is wrong with the pools of PgBouncer as declared: no host for them, more connections than there are, clients."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.components.haproxy_connections import OWN_CONNECTIONS, parameter
from cluster.components.pgbouncer import sizes
from cluster.components.pgbouncer.hba import unheld_lines
from cluster.declared.model import Cluster
from cluster.declared.pgbouncer import LOOKUP_ROLE, pooling_hosts
from cluster.declared.vip import listened
from cluster.findings import Finding
from cluster.settings.hba_grammar import shown

_RAISED = "raise max_connections in postgres_parameters (deploys/restart_pending.py makes it work)"
_MORE_ROOM = f"Lower pgbouncer_processes, pgbouncer_databases or pgbouncer_session_size, or {_RAISED}."
# PgBouncer's own: its console, and the name under which it looks up roles.
RESERVED = ("pgbouncer", LOOKUP_ROLE)


def pgbouncer_findings(cluster: Cluster, where: str) -> list[Finding]:
    """Everything that would not work. + where: the file that declares the cluster's settings"""
    if cluster.settings.pgbouncer_on == "none":
        return []
    if not pooling_hosts(cluster):
        problem = "is haproxy, and no host is in the group haproxy"
        return [Finding(where, "pgbouncer_on", problem, "Add one, or set it to members.")]
    return [*_unreached(cluster), *_sizes(cluster, where), *_clients(cluster, where), *_names(cluster, where)]


def _unreached(cluster: Cluster) -> Iterator[Finding]:
    if cluster.settings.pgbouncer_on != "members":
        return
    for node in cluster.members:
        if {"*", "0.0.0.0", "::", "localhost", node.address.loopback}.isdisjoint(listened(cluster, node)):
            problem = f"lacks {node.address.loopback}, where PgBouncer on {node.name} would look for PostgreSQL"
            yield Finding("inventory.py", "postgres_listen", problem, "Add it; it is open to the host itself alone.")


def _sizes(cluster: Cluster, where: str) -> Iterator[Finding]:
    try:
        usable, _ = sizes.limits(cluster)
    except ValueError:  # named as a parameter with a wrong value
        return
    if usable <= 0:
        return  # named as well: no client would get in
    if sizes.largest_size(cluster) < 1:
        yield Finding(where, "pgbouncer_on", _no_room(cluster, usable), _MORE_ROOM)
        return
    if cluster.settings.pgbouncer_pool_size is None:
        if sizes.derived_size(cluster) < 1:
            hint = f"Set it to 1 at least, or {_RAISED}."
            yield Finding(where, "pgbouncer_pool_size", _no_room(cluster, usable), hint)
        return
    for met in sizes.meetings(cluster):
        if problem := _excess(cluster, sizes.opened(cluster, met), usable):
            hint = (
                f"Lower it to {sizes.largest_size(cluster)}, {_RAISED}, or take it out: then it is derived, and a "
                "quarter is left for clients that come past PgBouncer."
            )
            yield Finding(where, "pgbouncer_pool_size", problem, hint)
            return


def _excess(cluster: Cluster, opened: sizes.Opened, usable: int) -> str | None:
    through = sizes.limits(cluster)[1]
    if opened.total > usable:
        return f"{_sum(cluster, opened)}, and a member takes {usable}: {_usable(cluster, usable)}"
    if opened.by_one_host > through:
        one = f"{_by_one_host(opened)} = {opened.by_one_host}"
        return f"{one} through one HAProxy, which opens {through} to a member (haproxy_member_share)"
    return None


def _sum(cluster: Cluster, opened: sizes.Opened) -> str:
    hosts = ", ".join(node.name for node in sizes.leading(cluster))
    return f"{_counted(opened.hosts, 'host')} ({hosts}) x {_by_one_host(opened)} = {opened.total}"


def _by_one_host(opened: sizes.Opened) -> str:
    pools = " + ".join(opened.pools)
    beside = sizes.BESIDE * len(opened.pools)
    return (
        f"{_counted(opened.processes, 'process', 'es')} x ({_counted(opened.databases, 'database')} x {opened.sized} "
        f"connections of {pools} + {beside} for lookups and the database postgres)"
    )


def _counted(number: int, what: str, more: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else more}"


def _no_room(cluster: Cluster, usable: int) -> str:
    settings, hosts = cluster.settings, _counted(len(sizes.leading(cluster)), "host")
    processes, databases = settings.pgbouncer_processes, sizes.databases(cluster)
    each = f"{_counted(processes, 'process', 'es')} and {_counted(databases, 'database')}"
    session = (
        f", {settings.pgbouncer_session_size} of them for each in session" if settings.pgbouncer_session_size else ""
    )
    return (
        f"no connection is left for the pools {', '.join(sizes.meetings(cluster)[0])} of {hosts} with {each}{session}: "
        f"a member takes {usable}, {_usable(cluster, usable)}"
    )


def _usable(cluster: Cluster, usable: int) -> str:
    connections = parameter(cluster, "max_connections")
    reserved = connections - usable - OWN_CONNECTIONS
    return f"max_connections {connections} without {reserved} reserved and {OWN_CONNECTIONS} for the cluster itself"


def _clients(cluster: Cluster, where: str) -> Iterator[Finding]:
    for line in unheld_lines(cluster):
        problem = (
            f"line {shown(line)} keeps clients out, and PgBouncer, in front of PostgreSQL, cannot read it: it knows no "
            "groups, expressions or names of hosts"
        )
        hint = "Name databases and roles one by one, and networks by their addresses; or set pgbouncer_on to none."
        yield Finding(where, "postgres_hba", problem, hint)


def _names(cluster: Cluster, where: str) -> Iterator[Finding]:
    for database in cluster.settings.postgres_databases:
        if database["name"] in RESERVED:
            problem = f"{database['name']} is a name of PgBouncer's own: no client would reach that database through it"
            yield Finding(where, "postgres_databases", problem, "Give the database another name.")
