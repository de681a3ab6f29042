"""Exporters that run and do not answer: nobody would see what they tell."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.monitoring import exporter_places
from cluster.components.monitoring.exporter import unit_of


def findings(overview: Overview) -> Iterator[CheckFinding]:
    """Each that is silent; one that is stopped has a finding of its own."""
    for node in overview.reached(overview.cluster):
        seen = overview.answer(node, "exporters")
        for name, place in exporter_places(overview.cluster, node).items() if seen is not None else ():
            if not seen.get(name) and not overview.is_stopped(node, unit_of(name)):
                problem = f"{name} does not answer at {place}, where the scraper looks for it"
                yield check_finding("exporter-silent", node.name, problem, unit=unit_of(name))
