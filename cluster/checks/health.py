"""Signs of trouble that no step of a run has to know: limits that come near, damage, and what changes too often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.measures import age_text, duration_text
from cluster.observed.health import SeenEtcdHealth, SeenHostHealth, SeenPatroniHealth, SeenPostgresHealth

# Of what autovacuum is to keep below: it has begun by then, and has not finished.
FREEZE_LATE = 1.25
# Of the 2^31 after which PostgreSQL stops; it warns at 98 %.
IDS, IDS_END_PERCENT = 2**31, 75
DAMAGE_SECONDS = 7 * 86400
UNSEEN_SECONDS = 60
CHANGES, CHANGES_WITHIN = 4, timedelta(hours=1)
# The thresholds of etcd's own alerts: https://github.com/etcd-io/etcd/tree/main/contrib/mixin
SLOW_WRITES, ELECTIONS = 3, 5
INODES_PERCENT = 90
SESSIONS_PERCENT = 80


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about them."""
    for node in overview.cluster:
        yield from _host(overview, node)
        yield from _etcd(overview, node)
        yield from _haproxy(overview, node)
        yield from _postgres(overview, node)
        yield from _patroni(overview, node)
    yield from _leader_changes(overview)


def _host(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    seen: SeenHostHealth | None = overview.answer(node, "host_health")
    if seen is None:
        return
    for path, used in seen["inodes"].items():
        if used is not None and used >= INODES_PERCENT:
            yield check_finding(
                "inodes-nearly-used", node.name, f"{used} % of the inodes at {path} are used", path=path
            )
    for path in seen["read_only"]:
        yield check_finding("read-only", node.name, f"{path} is on a file system that is read-only", path=path)
    for unit in seen["killed"]:
        problem = f"a process of {unit} was killed for lack of memory in the last day"
        yield check_finding("out-of-memory", node.name, problem, unit=unit)


def _etcd(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    seen: SeenEtcdHealth | None = overview.answer(node, "etcd_health")
    if seen is None:
        return
    if seen["slow"] >= SLOW_WRITES:
        problem = f"{seen['slow']} writes to the disk took more than a second each in the last hour"
        yield check_finding("etcd-disk-slow", node.name, problem)
    if seen["elections"] >= ELECTIONS:
        yield check_finding("etcd-elections", node.name, f"{seen['elections']} leaders were elected in the last hour")


def _haproxy(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    for section, (sessions, limit) in (overview.answer(node, "haproxy_sessions") or {}).items():
        if limit and 100 * sessions >= SESSIONS_PERCENT * limit:
            problem = f"{sessions} of {limit} clients are connected to the port {section}"
            yield check_finding("haproxy-sessions", node.name, problem)


def _postgres(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    seen: SeenPostgresHealth | None = overview.answer(node, "postgres_health")
    if seen is None:
        return
    for name, one in seen["checksum_failures"].items():
        if one["seconds"] < DAMAGE_SECONDS:
            problem = (
                f"{one['count']:.0f} pages of {name} had a wrong checksum, the last one {age_text(one['seconds'])} ago"
            )
            yield check_finding("checksum-failed", node.name, problem)
    if not seen["standby"]:
        yield from _ages(node, seen)
        yield from _databases(node, seen)


def _ages(node: Node, seen: SeenPostgresHealth) -> Iterator[CheckFinding]:
    limits = {"transactions": seen["freeze_max_age"], "multixacts": seen["multixact_freeze_max_age"]}
    for database, ages in seen["ages"].items():
        for what, age in ages.items():
            problem = f"{database} has used {age:,} of 2,147,483,648 {what} since it was frozen"
            if 100 * age >= IDS_END_PERCENT * IDS:
                yield check_finding("transaction-ids-end", node.name, problem, database=database)
            elif age >= FREEZE_LATE * limits[what]:
                limit = f"; autovacuum is to do it at {limits[what]:,}"
                yield check_finding("transaction-ids", node.name, f"{problem}{limit}", database=database)


def _databases(node: Node, seen: SeenPostgresHealth) -> Iterator[CheckFinding]:
    for one in seen["databases"]:
        for sequence in one["sequences"]:
            problem = f"{sequence['name']} in {one['database']} is used to {sequence['percent']:.0f} %"
            yield check_finding("sequence-near-end", node.name, problem, database=one["database"])
        for index in one["invalid"]:
            problem = f"{index} in {one['database']} is invalid"
            yield check_finding("index-invalid", node.name, problem, database=one["database"])


def _patroni(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    seen: SeenPatroniHealth | None = overview.answer(node, "patroni_health")
    if seen is None:
        return
    unseen = seen["unseen_seconds"]
    if seen["failsafe"]:
        yield check_finding("failsafe-active", node.name, "Patroni leads in failsafe mode: it does not reach etcd")
    elif unseen is not None and unseen >= UNSEEN_SECONDS:
        yield check_finding("etcd-unseen", node.name, f"Patroni has not reached etcd for {duration_text(unseen)}")


def _leader_changes(overview: Overview) -> Iterator[CheckFinding]:
    """All members have the same history; the longest is the newest."""
    said = (overview.answer(node, "patroni_health") for node in overview.cluster.members)
    turns: list[str] = max((one["turns"] for one in said if one is not None), key=len, default=[])
    moments = [datetime.fromisoformat(text) for text in turns if text]
    recent = [moment for moment in moments if overview.at - moment < CHANGES_WITHIN]
    if len(recent) >= CHANGES:
        problem = f"{len(recent)} changes of the leader within an hour, the last one at {max(recent):%H:%M:%S} UTC"
        yield check_finding("leader-changes", overview.cluster.name, problem)
