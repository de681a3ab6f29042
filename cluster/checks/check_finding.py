"""One thing that a check found, and the page that lists all that it can find."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.finding_types.catalogue import FINDING_TYPES, FindingType
from cluster.findings import Finding


@dataclass(frozen=True)
class CheckFinding:
    """A finding of a check, with its kind."""

    kind: str
    finding: Finding

    @property
    def severity(self) -> str:
        """That of its kind."""
        return FINDING_TYPES[self.kind].severity


def check_finding(kind: str, where: str, problem: str, **words: object) -> CheckFinding:
    """
    A finding of a kind.

    + where: the host, or the cluster
    + problem: cause and value, lower case, no full stop
    + words: what the kind's cure leaves open, besides ``where``; ``more`` is a sentence before it, if there is one
    """
    known = FINDING_TYPES[kind]
    cure = known.cure.format(**{"where": where, "more": "", **words})
    return CheckFinding(kind, Finding(where, known.what, problem, cure))


def kinds_table() -> str:
    """All kinds as the table of docs/runs/check.md, those of one part of the cluster beside each other."""
    parts = list(dict.fromkeys(kind.what for kind in FINDING_TYPES.values()))
    rows = [
        f"| `{name}` | {kind.severity} | {kind.what} | {kind.meaning} | {_fix(kind)} |"
        for name, kind in sorted(FINDING_TYPES.items(), key=lambda one: parts.index(one[1].what))
    ]
    return "\n".join(["| Finding | | Part | What it means | How to fix it |", "|---|---|---|---|---|", *rows]) + "\n"


def _fix(kind: FindingType) -> str:
    names = ("where", "unit", "path", "id", "leader", "cluster", "name", "slot", "pid", "port", "type", "source")
    named = (*names, "database", "locale", "address", "interface", "router")
    filled = {"where": "HOST", "more": "", **{name: name.upper() for name in named[1:]}}
    return kind.cure.format(**filled).replace("|", r"\|")
