"""One screen over all layers of a cluster, for the human eye."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.checks.certificates import authority_words, days_left
from cluster.checks.check_finding import CheckFinding
from cluster.checks.haproxy import lagging, servers_up
from cluster.checks.overview import Overview
from cluster.checks.replication import mode_words
from cluster.checks.report import failing, summary
from cluster.components.all import certificate_places
from cluster.components.haproxy_servers import server_name
from cluster.declared.model import Node
from cluster.declared.pgbouncer import pooling_hosts
from cluster.measures import used_percent
from cluster.observed.patroni import SeenMember
from cluster.screens.addresses import address_rows, router_rows
from cluster.screens.backups import backups_words, drill_words
from cluster.screens.monitoring import metrics_words
from cluster.screens.pools import POOLS_HEADER, pool_rows, pools_words
from cluster.screens.table import WIDTH, table
from cluster.verdicts.health import upstream
from cluster.verdicts.run_lock import lock_words

DEAD, SILENT = "no answer", "-"


def status_lines(overview: Overview, found: Sequence[CheckFinding]) -> list[str]:
    """
    The screen.

    + found: ``all_findings`` of the same cluster, of which it gives the number
    """
    return [
        _title(overview),
        "",
        *_summary(overview),
        *_members(overview),
        *_etcd(overview),
        *_haproxy(overview),
        *table(POOLS_HEADER, pool_rows(overview)),
        *table(("ADDRESS", "FOR", "ON"), address_rows(overview)),
        *table(("ROUTER", "OF", "SESSION", "BFD", "WAS TOLD"), router_rows(overview)),
        *_certificates(overview),
        "",
        _verdict(overview, found),
    ]


def _title(overview: Overview) -> str:
    versions = [_postgres_version(overview), overview.patroni and f"Patroni {overview.patroni['version']}"]
    versions.append(next((f"etcd {one['version']}" for one in overview.etcd_status.values()), None))
    left = f"{overview.cluster.name}: {', '.join(text for text in versions if text) or 'no host answers'}"
    return f"{left:<{WIDTH - 23}}{overview.at:%Y-%m-%d %H:%M:%S} UTC"


def _postgres_version(overview: Overview) -> str | None:
    seen = [state["version"] for node in overview.cluster.members if (state := overview.postgres(node))]
    return f"PostgreSQL {seen[0] // 10000}.{seen[0] % 10000}" if seen else None


def _summary(overview: Overview) -> list[str]:
    lines = {
        "Run": lock_words(overview.run_lock),
        "Patroni": _patroni(overview),
        "Commits": mode_words(overview),
        "etcd": _etcd_words(overview),
        "HAProxy": _haproxy_words(overview),
        "Pools": pools_words(overview),
        "Backups": backups_words(overview),
        "Drill": drill_words(overview),
        "Metrics": metrics_words(overview),
        "CA": authority_words(overview),
        "Removed": _removed(overview),
    }
    return [f"  {name:<9} {text}" for name, text in lines.items() if text]


def _patroni(overview: Overview) -> str:
    seen = overview.patroni
    if seen is None:
        return "no member's Patroni answers"
    words = [f"{seen['leader']} leads{_source(overview)}" if seen["leader"] else "NO LEADER"]
    if len(overview.primaries) > 1:
        words.append(f"{len(overview.primaries)} MEMBERS ARE PRIMARIES")
    if seen["paused"]:
        words.append("PAUSED: no failover")
    if plan := seen["scheduled_switchover"]:
        words.append(f"switchover to {plan.get('to') or 'any member'} at {plan.get('at')}")
    reached = overview.reached(overview.cluster.members)
    running = sum(1 for node in reached if (one := overview.member(node)) and one["running"])
    return ", ".join([*words, f"{running} of {len(overview.cluster.members)} members run"])


def _source(overview: Overview) -> str:
    """Of a standby cluster: of which one, and how its leader is fed at this moment."""
    if not overview.is_standby:
        return ""
    source = overview.cluster.source.name if overview.cluster.source is not None else "a cluster that is not declared"
    state = overview.postgres(overview.leader) if overview.leader is not None else None
    feed = "unknown" if state is None else "streams" if state["receiving"] else "reads the archive"
    return f" a standby of {source} ({feed})"


def _etcd_words(overview: Overview) -> str:
    total, healthy = len(overview.cluster.etcd), len(overview.healthy_etcd)
    alarms = overview.etcd["alarms"] if overview.etcd else None
    spare = healthy - total // 2 - 1
    quorum = "NO QUORUM" if spare < 0 else f"{spare} more may fail" if spare else "NO MORE MAY FAIL"
    return ", ".join([f"{healthy} of {total} members healthy", quorum, *(["ALARM"] if alarms else [])])


def _haproxy_words(overview: Overview) -> str:
    balancers = overview.cluster.balancers
    up = [node for node in balancers if overview.answer(node, "haproxy") is not None]
    led = {name for node in up for name in servers_up(overview, node, "primary")}
    nobody = "no primary, as there is none" if overview.is_standby else "NO PRIMARY"
    words = f"{len(up)} of {len(balancers)} up, lead to {', '.join(sorted(led)) or nobody}"
    return words if balancers else ""


def _removed(overview: Overview) -> str:
    listed = ", ".join(f"{name} at {note.at}" for name, note in overview.removed.items())
    return f"{listed}; still in the inventory" if listed else ""


def _members(overview: Overview) -> list[str]:
    header = ("MEMBER", "ROLE", "STATE", " TIMELINE", " LAG", " CONNECTIONS", " DATA DISK", "WAITS FOR A RESTART")
    return table(header, [_member(overview, node) for node in overview.cluster.members])


def _member(overview: Overview, node: Node) -> Sequence[str]:
    found, disk = overview.member(node), _disk(overview, node)
    if not overview.is_reached(node):
        return (node.name, SILENT, DEAD, SILENT, SILENT, SILENT, disk, "")
    if found is None:
        state = "not in the list" if overview.patroni_of(node) else "Patroni silent"
        return (node.name, SILENT, state, SILENT, SILENT, _connections(overview, node), disk, "")
    timeline = str(found["timeline"] or SILENT)
    waits = ", ".join(overview.waiting(node)) or "unknown settings" if found["pending_restart"] else ""
    return (
        *(node.name, _role(overview, node, found), _state(overview, node, found), timeline),
        *(_lag(overview, node), _connections(overview, node), disk, waits),
    )


def _role(overview: Overview, node: Node, found: SeenMember) -> str:
    if node == overview.leader:
        return "standby leader" if overview.is_standby else "leader"
    if found["synchronous"]:
        return f"{found['role'].removesuffix('_standby')} replica"
    source = next(iter(upstream(overview.patroni, node.name) if overview.patroni else ()), None)
    return f"replica of {source}" if source else "replica"


def _state(overview: Overview, node: Node, found: SeenMember) -> str:
    state = overview.postgres(node)
    if state is not None and state["replay"] not in (None, "not paused"):
        return f"replay {state['replay']}"
    return "streaming" if found["streaming"] else found["state"]


def _lag(overview: Overview, node: Node) -> str:
    lag = overview.lag_mib(node)
    if node == overview.leader:
        return ""
    return SILENT if lag is None else f"{lag} MiB"


def _connections(overview: Overview, node: Node) -> str:
    state = overview.postgres(node)
    limit = state["settings"].get("max_connections") if state is not None else None
    return f"{state['connections']} of {limit['setting']}" if state is not None and limit is not None else SILENT


def _disk(overview: Overview, node: Node) -> str:
    room = overview.rooms(node).get(overview.cluster.data_directory)
    return f"{used_percent(room):.0f} % of {room['total_mib'] / 1024:.0f} GiB" if room else SILENT


def _etcd(overview: Overview) -> list[str]:
    header = ("ETCD", "ENDPOINT", "STATE", "ROLE", " DATABASE", " RAFT INDEX")
    return table(header, [_etcd_member(overview, node) for node in overview.cluster.etcd])


def _etcd_member(overview: Overview, node: Node) -> Sequence[str]:
    endpoint = overview.endpoint(node)
    status = overview.etcd_status.get(endpoint)
    state = "healthy" if node in overview.healthy_etcd else "UNHEALTHY" if overview.is_reached(node) else DEAD
    if status is None:
        return (node.name, endpoint, state, SILENT, SILENT, SILENT)
    role = "learner" if status["learner"] else "leader" if status["leads"] else "follower"
    return (node.name, endpoint, state, role, f"{status['database_mib']} MiB", str(status["raft_index"]))


def _haproxy(overview: Overview) -> list[str]:
    header = ("HAPROXY", "STATE", "PRIMARY", "REPLICAS")
    return table(header, [_balancer(overview, node) for node in overview.cluster.balancers])


def _balancer(overview: Overview, node: Node) -> Sequence[str]:
    if overview.answer(node, "haproxy") is None:
        return (node.name, "DOWN" if overview.is_reached(node) else DEAD, SILENT, SILENT)
    names = {server_name(member): member.name for member in overview.cluster.members}
    led = [[names.get(one, one) for one in servers_up(overview, node, where)] for where in ("primary", "replicas")]
    primary, replicas = (", ".join(servers) or "none" for servers in led)
    return (node.name, "up", primary, "; ".join([replicas, *(f"{one.name} lags" for one in lagging(overview, node))]))


def _certificates(overview: Overview) -> list[str]:
    components = (
        "etcd",
        "patroni-etcd",
        "patroni",
        "postgres",
        "haproxy",
        *(["pgbouncer"] if pooling_hosts(overview.cluster) else []),
        *(["pgbackrest"] if overview.cluster.repository else []),
    )
    header = ("CERTIFICATES, DAYS LEFT", *(f" {name.upper()}" for name in components))
    nodes = [node for node in overview.cluster if certificate_places(overview.cluster, node)]
    return table(header, [(node.name, *(_days(overview, node, name) for name in components)) for node in nodes])


def _days(overview: Overview, node: Node, component: str) -> str:
    place = next((one for one in certificate_places(overview.cluster, node) if one.component == component), None)
    seen = overview.answer(node, "certificates")
    if place is None:
        return ""
    left = days_left(seen[place.certificate], overview.at) if seen is not None else None
    return SILENT if left is None else str(left)


def _verdict(overview: Overview, found: Sequence[CheckFinding]) -> str:
    bad = failing(found)
    if not bad:
        return "Nothing to complain about."
    return f"{summary(bad)}; see `pyinfra inventory.py deploys/check.py`."
