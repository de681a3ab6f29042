"""Where text may be sorted otherwise than its indexes are: another C library, or no such locale on a member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.model import Node
from cluster.observed.postgres import SeenPostgres


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Collation versions that are not the recorded ones, or not the leader's; and locales that are not there."""
    lead = overview.postgres(overview.leader) if overview.leader else None
    for node in overview.cluster.members:
        seen = overview.postgres(node)
        if seen is not None:
            yield from _absent(node, seen)
            if overview.leader is None or lead is None or node == overview.leader:
                yield from _outdated(node, seen)
            else:
                yield from _other_than_leaders(node, seen, _versions(lead), overview.leader.name)


def _versions(seen: SeenPostgres) -> Mapping[str, str]:
    found = ((one["database"], one["actual"]) for one in seen.get("collations") or [])
    return {database: actual for database, actual in found if actual is not None}


def _outdated(node: Node, seen: SeenPostgres) -> Iterator[CheckFinding]:
    for one in seen.get("collations") or []:
        if None not in (one["recorded"], one["actual"]) and one["recorded"] != one["actual"]:
            problem = (
                f"the indexes of {one['database']} were made with version {one['recorded']} of {one['locale']}, "
                f"and this host sorts with {one['actual']}"
            )
            yield check_finding("collation-outdated", node.name, problem, database=one["database"])


def _other_than_leaders(
    node: Node, seen: SeenPostgres, leading: Mapping[str, str], leader: str
) -> Iterator[CheckFinding]:
    here = _versions(seen)
    others = [name for name, version in here.items() if leading.get(name, version) != version]
    if others:
        problem = (
            f"sorts {', '.join(others)} with version {here[others[0]]} of their locale, "
            f"the leader {leader} with {leading[others[0]]}"
        )
        yield check_finding("collation-differs", node.name, problem, leader=leader)


def _absent(node: Node, seen: SeenPostgres) -> Iterator[CheckFinding]:
    there = seen.get("locales")
    if there is None:
        return
    known = {_normalised(name) for name in there}
    needed: dict[str, list[str]] = {}
    for one in seen.get("collations") or []:
        for name in sorted({one["collate"], one["ctype"]}):
            if _normalised(name) not in known:
                needed.setdefault(name, []).append(one["database"])
    for name, databases in needed.items():
        problem = f"has no locale {name}: clients cannot connect to {', '.join(databases)}"
        yield check_finding("locale-absent", node.name, problem, locale=name)


def _normalised(name: str) -> str:
    """A locale's name as the C library compares it: the encoding without hyphens and capitals."""
    language, dot, rest = name.partition(".")
    encoding, at, modifier = rest.partition("@")
    return f"{language}{dot}{re.sub('[^a-z0-9]', '', encoding.lower())}{at}{modifier}"
