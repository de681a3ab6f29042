"""All findings about a running cluster, the most severe first, and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cluster.checks
from cluster.checks.check_finding import CheckFinding
from cluster.checks.haproxy import PRIMARY, servers_up
from cluster.checks.overview import Overview
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import virtual_addresses
from cluster.discovery import contributions
from cluster.finding_types.catalogue import REMARK, SEVERITIES
from cluster.findings import findings_table

# Each file of this folder with a part of a cluster has the function that judges it.
CHECKS: Sequence[Callable[[Overview], Iterable[CheckFinding]]] = contributions(cluster.checks, "findings")

_BACKUPS = "  backups, their age, what failed and when one was proven; every segment of the WAL archive"


def all_findings(overview: Overview) -> list[CheckFinding]:
    """All findings about one cluster, alarms first, then warnings, then remarks."""
    found = dict.fromkeys(one for check in CHECKS for one in check(overview))
    return sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.finding))


def failing(found: Iterable[CheckFinding]) -> list[CheckFinding]:
    """Those that make a check fail; a remark does not."""
    return [one for one in found if one.severity != REMARK]


def check_lines(overview: Overview, found: Sequence[CheckFinding], columns: int | None = None) -> list[str]:
    """
    What a person reads at the end of a check.

    + found: ``all_findings`` of the same cluster
    + columns: width of the terminal; absent: as it is
    """
    lines = [f"{overview.cluster.name}: {_total(failing(found))}"]
    if not failing(found):
        lines += _looked_at(overview)
    for severity in SEVERITIES:
        listed = [one.finding for one in found if one.severity == severity]
        if listed:
            lines += ["", f"  {severity}{'s' if len(listed) > 1 else ''}", *findings_table(listed, columns).split("\n")]
    return lines


def summary(found: Iterable[CheckFinding]) -> str:
    """How many of each severity, e.g. ``1 alarm, 2 warnings``; empty when there is none."""
    severities = [one.severity for one in found]
    counts = ((severity, severities.count(severity)) for severity in SEVERITIES)
    return ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts if count)


def _total(found: Sequence[CheckFinding]) -> str:
    if not found:
        return "nothing to complain about"
    return f"{len(found)} finding{'s' if len(found) > 1 else ''} ({summary(found)})"


def _looked_at(overview: Overview) -> list[str]:
    cluster = overview.cluster
    return [
        f"  looked at {len(cluster.nodes)} hosts: their units, files, disks, clocks and package versions;",
        f"  etcd's {len(cluster.etcd)} members; Patroni's view, roles, timelines and lag of {len(cluster.members)};",
        "  PostgreSQL's settings, slots, transactions and archiver; the dynamic configuration;",
        f"  where {len(cluster.balancers)} HAProxy lead{_addresses(cluster)}; every certificate, its key and its CA",
        *([_BACKUPS] if cluster.repository else []),
    ]


def _addresses(cluster: Cluster) -> str:
    count = len(virtual_addresses(cluster))
    return f", who has {count} virtual addresses" if count else ""


def as_data(overview: Overview, found: Iterable[CheckFinding]) -> dict[str, Any]:
    """The same for machines. + found: ``all_findings`` of the same cluster"""
    seen = overview.patroni
    return {
        "at": overview.at.isoformat(),
        "observed": {
            "hosts": {node.name: overview.is_reached(node) for node in overview.cluster},
            "leader": seen["leader"] if seen else None,
            "paused": seen["paused"] if seen else None,
            "members": {node.name: _member_data(overview, node) for node in overview.cluster.members},
            "etcd": {node.name: node in overview.healthy_etcd for node in overview.cluster.etcd},
            "haproxy": {node.name: servers_up(overview, node, PRIMARY) for node in overview.cluster.balancers},
            **({"run": {**lock["holder"]}} if (lock := overview.run_lock) and lock["holder"] else {}),
            **({"removed": {name: note.at for name, note in overview.removed.items()}} if overview.removed else {}),
            **({"backups": _repositories(overview), "drill": overview.drill} if overview.cluster.repository else {}),
        },
        "findings": [{"kind": one.kind, "severity": one.severity, **asdict(one.finding)} for one in found],
    }


def _repositories(overview: Overview) -> dict[str, Any]:
    return {one.kind: seen for one, seen in overview.repositories}


def _member_data(overview: Overview, node: Node) -> dict[str, Any]:
    found: Mapping[str, Any] = overview.member(node) or {}
    return {
        "reached": overview.is_reached(node),
        **{name: found.get(name) for name in ("role", "state", "timeline")},
        "lag_mib": None if node == overview.leader else overview.lag_mib(node),
        "pending_restart": found.get("pending_restart"),
    }
