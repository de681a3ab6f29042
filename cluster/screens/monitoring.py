"""Where the metrics of a cluster are, and whether they are served."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.checks.overview import Overview
from cluster.components.monitoring import exporter_places
from cluster.components.monitoring.targets import jobs
from cluster.declared.model import Cluster, Node
from cluster.screens.table import table


def metrics_words(overview: Overview) -> str | None:
    """How many exporters answer, and where people look; None without monitoring."""
    cluster = overview.cluster
    if not cluster.settings.monitoring:
        return None
    asked = {node.name: exporter_places(cluster, node) for node in cluster}
    serving = sum(sum((overview.answer(node, "exporters") or {}).values()) for node in cluster)
    pages = "; ".join(page_words(cluster))
    return f"{serving} of {sum(map(len, asked.values()))} exporters answer" + (f"; {pages}" if pages else "")


def places_of(cluster: Cluster, node: Node) -> dict[str, str]:
    """Where a host serves metrics, by job."""
    return {
        job.name: one.address.endpoint(one.port) for job in jobs(cluster) for one in job.targets if one.member is node
    }


def monitoring_lines(cluster: Cluster, seen: Mapping[str, Mapping[str, bool] | None]) -> list[str]:
    """
    The screen. + seen: ``ExporterAnswers`` by host; None where it cannot be reached
    """
    if not cluster.settings.monitoring:
        return [f"{cluster.name}: monitoring is False; nothing serves metrics but Patroni and HAProxy", ""]
    rows = [
        (
            job.name,
            one.member.name,
            _url(one.address.endpoint(one.port), job.module),
            _state(seen, job.name, one.member),
        )
        for job in jobs(cluster)
        for one in job.targets
    ]
    return [
        f"{cluster.name}: what serves metrics",
        *table(("JOB", "MEMBER", "TARGET", "STATE"), rows),
        "",
        *_pages(cluster),
    ]


def _url(place: str, module: str) -> str:
    return f"https://{place}/proxy?module={module}" if module else f"https://{place}/metrics"


def _state(seen: Mapping[str, Mapping[str, bool] | None], job: str, node: Node) -> str:
    answers = seen.get(node.name)
    if answers is None:
        return "host does not answer"
    return "serves" if answers.get(job) else "SILENT"


def _pages(cluster: Cluster) -> list[str]:
    return [f"  {line}" for line in page_words(cluster)] or [
        "  no host of the group monitor: see docs/monitoring.md",
        "",
    ]


def page_words(cluster: Cluster) -> list[str]:
    """Where people find Prometheus and Alertmanager; nothing where no host has them."""
    settings = cluster.settings
    ports = {"Prometheus": settings.monitoring_prometheus_port, "Alertmanager": settings.monitoring_alertmanager_port}
    return [
        f"{name} https://{node.address.endpoint(port)}/, login {settings.monitoring_user}"
        for node in cluster.having("monitor")
        for name, port in (ports.items() if settings.monitoring else ())
    ]
