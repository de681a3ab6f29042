"""A check as Nagios, Icinga and their relatives take it: one line with figures, and an exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.checks.check_finding import CheckFinding
from cluster.checks.overview import Overview
from cluster.checks.report import failing, summary
from cluster.finding_types.catalogue import ALARM, SEVERITIES

# https://www.monitoring-plugins.org/doc/guidelines.html
OK, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# An unknown one may hide an alarm, a warning cannot.
_GRAVITY = (OK, WARNING, UNKNOWN, CRITICAL)

# What the oldest of them keep of a line is 4096 bytes, figures included.
TEXT_CHARACTERS = 1500

Checked = Sequence[tuple[Overview, Sequence[CheckFinding]]]


def nagios_code(checked: Checked) -> int:
    """The exit code for all clusters: that of the gravest. + checked: each with ``all_findings`` of it"""
    return max((_code(*one) for one in checked), key=_GRAVITY.index, default=UNKNOWN)


def nagios_line(checked: Checked) -> str:
    """The line. + checked: as for the code"""
    told = "; ".join(_words(*one) for one in checked) or "no cluster is declared"
    figures = " ".join(figure for one in checked for figure in _figures(*one))
    return f"{_begin(nagios_code(checked), told)} | {figures}".removesuffix(" | ")


def unknown_line(reason: str) -> str:
    """The line of a check that could not look at anything. + reason: why"""
    return _begin(UNKNOWN, reason)


def _begin(code: int, text: str) -> str:
    # What stands behind the first | is taken for figures, and behind a line's end for something else again.
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).replace("|", "/").split())
    cut = plain if len(plain) <= TEXT_CHARACTERS else f"{plain[:TEXT_CHARACTERS]} ..."
    return f"PATRONI {_WORDS[code]} - {cut}"


def _code(overview: Overview, found: Sequence[CheckFinding]) -> int:
    if not overview.reached(overview.cluster):
        return UNKNOWN
    bad = failing(found)
    return CRITICAL if any(one.severity == ALARM for one in bad) else WARNING if bad else OK


def _words(overview: Overview, found: Sequence[CheckFinding]) -> str:
    name = overview.cluster.name
    if not overview.reached(overview.cluster):
        return f"{name}: none of its {len(overview.cluster.nodes)} hosts answers"
    bad = failing(found)
    if not bad:
        return f"{name}: nothing to complain about"
    listed = (f"{one.finding.where} {one.finding.what}: {one.finding.problem}" for one in bad)
    return f"{name}: {summary(bad)}: {', '.join(listed)}"


def _figures(overview: Overview, found: Sequence[CheckFinding]) -> Iterator[str]:
    cluster, severities = overview.cluster, [one.severity for one in found]
    for severity, limits in zip(SEVERITIES, (";;0", ";0", ""), strict=True):
        yield f"'{cluster.name}_{severity}s'={severities.count(severity)}{limits}"
    total = len(cluster.nodes)
    yield f"'{cluster.name}_hosts'={len(overview.reached(cluster))};;;0;{total}"
    running = [node for node in cluster.members if (one := overview.member(node)) and one["running"]]
    # A figure that nobody could read is left out: 0 would be one.
    if overview.patroni is not None:
        yield f"'{cluster.name}_members'={len(running)};;;0;{len(cluster.members)}"
    lags = [lag for node in running if node != overview.leader and (lag := overview.lag_mib(node)) is not None]
    if lags:
        yield f"'{cluster.name}_lag'={max(lags)}MB"
