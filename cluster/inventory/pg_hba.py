"""Lines of pg_hba that would never decide anything: another one before them does. The first that fits decides."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cluster.components.pg_hba import hba_lines
from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.settings.hba_address import Where
from cluster.settings.hba_grammar import KEYWORDS, Rule, Word, hba_rule, shown

# By kind of line, what it is for: over the socket, with TLS, with GSSAPI's encryption, with none.
_FITS = {
    "local": {"local"},
    "host": {"tls", "gss", "plain"},
    "hostssl": {"tls"},
    "hostnossl": {"gss", "plain"},
    "hostgssenc": {"gss"},
    "hostnogssenc": {"tls", "plain"},
}
_REPLICATION = Word("replication")


def hba_findings(cluster: Cluster, where: str) -> list[Finding]:
    """The declared lines that have no effect, whole or in part. + where: the file that declares them"""
    rules = [hba_rule(line, cluster.settings.postgres_version) for line in hba_lines(cluster)]
    own = len(rules) - len(cluster.settings.postgres_hba)
    return [
        Finding(where, "postgres_hba", f"line {shown(rule.text)} {reason}", hint)
        for place, rule in enumerate(rules[own:], own)
        for reason, hint in _without_effect(rule, rules[:place], own)
    ]


def _without_effect(rule: Rule, before: Sequence[Rule], own: int) -> Iterable[tuple[str, str]]:
    for database, role in itertools.product(rule.databases, rule.roles):
        part = replace(rule, databases=(database,), roles=(role,))
        found = next(((place, one) for place, one in enumerate(before) if _decides(one, part)), None)
        # Of two lines that say the same, the second does no harm.
        if found is None or _answer(found[1]) == _answer(rule):
            continue
        place, other = found
        whose = "of the cluster itself" if place < own else "before it"
        what = f"has no effect for the database {database.text} and the role {role.text}"
        hint = (
            "Take it out: replication and the roles postgres, replicator and rewind are the cluster's own."
            if place < own
            else "Take it out, or put it before the other: the first line that fits decides."
        )
        yield f"{what}: the line {shown(other.text)} {whose} decides", hint
        return


def _answer(rule: Rule) -> tuple[str, frozenset[str]]:
    return rule.method, frozenset(rule.options)


def _decides(one: Rule, other: Rule) -> bool:
    """Whether every connection that the other line is for meets the one before. + other: with one database and role"""
    return (
        _FITS[other.kind] <= _FITS[one.kind]
        and any(_holds(word, other.databases[0]) for word in one.databases)
        and any(_holds(word, other.roles[0]) for word in one.roles)
        and _contains(one.where, other.where)
    )


def _holds(one: Word, other: Word) -> bool:
    # All databases are not the pseudo-database of replication; and "postgres" is postgres.
    same = one.text == other.text and (one.quoted == other.quoted or one.text not in KEYWORDS)
    return same or (one == Word("all") and other != _REPLICATION)


def _contains(one: Where | None, other: Where | None) -> bool:
    if one == other or one == "all":
        return True
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return False
    return one.version == other.version and one.supernet_of(other)  # type: ignore[arg-type]
