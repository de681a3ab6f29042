"""What a host found of its cluster, as metrics: lines for node_exporter's textfile collector."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cluster.checks.check_finding import CheckFinding
from cluster.checks.overview import Overview
from cluster.components.all import held_places
from cluster.declared.model import Node
from cluster.errors import ConfigError
from cluster.observed.journal import SeenJournal
from cluster.pki.verdicts import describe
from cluster.screens.journal import NotedRun, noted_runs

PREFIX = "pyinfra_patroni"
DAY = 86400


@dataclass(frozen=True)
class Took:
    """What a judgement costs. + seconds: by the clock; + cpu_seconds: of processors, with what it called"""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Metric:
    """One name with its series. + meaning: the text of its HELP line; + series: labels and value of each"""

    name: str
    meaning: str
    series: Sequence[tuple[Mapping[str, str], float]]

    @property
    def lines(self) -> list[str]:
        """As Prometheus reads them; none without a series."""
        name = f"{PREFIX}_{self.name}"
        told = [f"{name}{{{_labels(labels)}}} {value:.15g}" for labels, value in self.series]
        return [f"# HELP {name} {self.meaning}", f"# TYPE {name} gauge", *told] if told else []


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metrics_text(
    overview: Overview, node: Node, found: Iterable[CheckFinding], took: Took, journal: SeenJournal | None
) -> str:
    """
    The file of one host.

    + overview: what the host knows; + found: the findings that it can vouch for
    + took: by the judgement; + journal: of runs on the host, None when it cannot be read
    """
    metrics = (
        *_judgement(overview, node, found, took),
        *_backups(overview),
        *_etcd(overview, node),
        _certificates(overview, node),
        *_runs(overview, journal),
    )
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines)


def _judgement(overview: Overview, node: Node, found: Iterable[CheckFinding], took: Took) -> Iterator[Metric]:
    own = {"cluster": overview.cluster.name}
    kinds = [{**own, "kind": one.kind, "severity": one.severity, "host": one.finding.where} for one in found]
    distinct = list({tuple(labels.items()): labels for labels in kinds}.values())
    meaning = "1 for each kind of finding of deploys/check.py that this host sees, with the host that it is about."
    yield Metric("finding", meaning, [(labels, 1) for labels in distinct])
    at = overview.at.timestamp()
    yield Metric("findings_judged_timestamp_seconds", "When this host was last judged.", [(own, round(at))])
    silent = len(overview.silences.get(node.name, {}))
    yield Metric("findings_unanswered", "Questions to this host that got no answer then.", [(own, silent)])
    yield Metric("findings_seconds", "How long it took.", [(own, round(took.seconds, 3))])
    yield Metric("findings_cpu_seconds", "How much of a processor it took.", [(own, round(took.cpu_seconds, 3))])


def _backups(overview: Overview) -> Iterator[Metric]:
    now, own = overview.at.timestamp(), {"cluster": overview.cluster.name}
    ages: list[tuple[Mapping[str, str], float]] = []
    for repository, seen in overview.repositories:
        for kind in ("any", "full"):
            ends = [one["stopped_at"] for one in (seen["backups"] if seen else ()) if kind in ("any", one["type"])]
            if ends:
                ages.append(({**own, "repository": repository.kind, "type": kind}, round(now - max(ends))))
    yield Metric("backup_age_seconds", "Since the newest backup ended; of any type, and of a full one.", ages)
    passed = overview.drill["passed"] if overview.drill is not None else None
    proofs = [(own, float(round(now - passed["ended_at"])))] if passed is not None else []
    yield Metric("drill_age_seconds", "Since a restore drill last passed.", proofs)


def _etcd(overview: Overview, node: Node) -> Iterator[Metric]:
    seen = overview.answer(node, "etcd_snapshots")
    newest = seen["newest"] if seen is not None else None
    ages = [({"cluster": overview.cluster.name}, float(seen["now"] - newest["at"]))] if seen and newest else []
    yield Metric("etcd_snapshot_age_seconds", "Since the newest snapshot of etcd on this host.", ages)


def _certificates(overview: Overview, node: Node) -> Metric:
    seen = overview.answer(node, "certificates") or {}
    days: list[tuple[Mapping[str, str], float]] = []
    for place in held_places(overview.cluster, node):
        ends = _end(seen.get(place.certificate))
        if ends is not None:
            labels = {"cluster": overview.cluster.name, "component": place.component, "path": place.certificate}
            days.append((labels, round((ends - overview.at).total_seconds() / DAY, 2)))
    return Metric("certificate_days", "Days until a certificate on this host ends; negative after that.", days)


def _end(seen: Mapping[str, Any] | None) -> datetime | None:
    try:
        return describe(seen["pem"]).not_after if seen is not None and seen["pem"] is not None else None
    except ConfigError:  # a finding of its own
        return None


def _runs(overview: Overview, journal: SeenJournal | None) -> Iterator[Metric]:
    known = [one for one in noted_runs({"": journal}) if one.began is not None]
    own = {"cluster": overview.cluster.name}
    for run in known[-1:]:
        labels = {**own, "run": _deploy_of(run)}
        moment = datetime.fromisoformat(run.at).timestamp()
        ended = {**labels, "outcome": _outcome(run)}
        yield Metric("run_timestamp_seconds", "When the last run on this host was started.", [(ended, round(moment))])
        if run.ended is not None:
            yield Metric(
                "run_changes", "Commands with which it changed something.", [(labels, run.ended.get("acts", 0))]
            )


def _deploy_of(run: NotedRun) -> str:
    named = re.search(r"\b(\w+)\.py\b(?!.*\.py\b)", run.began.get("what", "") if run.began is not None else "")
    return named[1] if named else "unknown"


def _outcome(run: NotedRun) -> str:
    if run.ended is None:
        return "unfinished"
    return "failed" if run.ended.get("exit") else "done"
