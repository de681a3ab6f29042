"""Where metrics are, asked of all hosts; and the files for a Prometheus of the user's own."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cluster.components.monitoring.export import PLACES, cluster_files, grafana_files, shared_files
from cluster.components.monitoring.shipped import dashboards
from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.pki.authority import Leaf
from cluster.pki.scraper import scraper_authority, scraper_leaf
from cluster.screens.monitoring import monitoring_lines, places_of
from cluster.secrets.private_files import private_directory, write_whole
from facts.monitoring.exporters import ExporterAnswers
from operations.util.reading import read_each

GRAFANA_SECONDS = 5


def print_monitoring(clusters: Sequence[Cluster]) -> int:
    """Print where the metrics of each cluster are, and whether they are served. Returns the exit code: 1 if not."""
    silent, told = False, {}
    for cluster in clusters:
        asked = {node.name: (ExporterAnswers, {"places": places_of(cluster, node)}) for node in cluster}
        seen = read_each(asked) if cluster.settings.monitoring else {}
        silent = silent or any(one is None or not all(one.values()) for one in seen.values())
        told[cluster.name] = seen
        if "--json" not in sys.argv:
            print("\n".join(monitoring_lines(cluster, seen)))
    if "--json" in sys.argv:
        print(json.dumps({"clusters": told}, indent=2))
    return int(silent)


def write_export(
    clusters: Sequence[Cluster], directory: str, secrets_of: Callable[[Cluster], Mapping[str, Path]]
) -> int:
    """
    Write all that a Prometheus and a Grafana of the user's own need, and print where. Returns the exit code, 0.

    Refuses a cluster without exporters, and a Grafana that is named and does not answer.

    + directory: on this machine; what other people wrote into it stays
    + secrets_of: a cluster's ``secrets``, its directory, and ``ca``, the file with its CA
    """
    watched = [cluster for cluster in clusters if cluster.settings.monitoring]
    if not watched:
        raise ConfigError(
            "export: no cluster of this run has monitoring = True\nHINT: set it, and run deploys/cluster.py first."
        )
    for cluster in watched:
        refuse_silent_grafana(cluster)
    authorities = {cluster.name: scraper_authority(cluster, secrets_of(cluster)["secrets"]) for cluster in watched}
    top = Path(directory)
    with private_directory(top):
        _written(top, shared_files(watched))
        for cluster in watched:
            own = top / cluster.name
            _written(own, cluster_files(cluster))
            _written(own, {PLACES.exporter_authority: authorities[cluster.name].trust_pem})
            _written(own, {PLACES.authority: secrets_of(cluster)["ca"].read_text()})
            leaf = scraper_leaf(cluster, authorities[cluster.name], _kept(own), datetime.now(UTC))
            _written(own, {PLACES.key: leaf.key_pem}, mode=0o600)
            _written(own, {PLACES.certificate: leaf.certificate_pem})
            if cluster.settings.monitoring_grafana_url:
                given = grafana_files("http://localhost:9090", None, "/etc/grafana/pyinfra-patroni/dashboards")
                _written(own / "grafana", given)
    print("\n".join(_told(watched, top)))
    return 0


def _told(clusters: Sequence[Cluster], top: Path) -> list[str]:
    names = ", ".join(cluster.name for cluster in clusters)
    listed = [f"    - {top.resolve()}/{cluster.name}/scrape_configs.yml" for cluster in clusters]
    return [
        f"written to {top}: all that a scraper of {names} needs, rules, {len(dashboards())} dashboards",
        "  in prometheus.yml (from 2.43 on; before, copy what is in these files):",
        "    scrape_config_files:",
        *listed,
        "    rule_files:",
        f"    - {top.resolve()}/rules/*.yml",
        "  scraper.key is for Prometheus' user alone.",
    ]


def _kept(directory: Path) -> Leaf | None:
    certificate, key = directory / PLACES.certificate, directory / PLACES.key
    return Leaf(certificate.read_text(), key.read_text()) if certificate.exists() and key.exists() else None


def _written(directory: Path, texts: Mapping[str, str], mode: int = 0o644) -> None:
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_whole(path, text, mode=mode, replace=True)


def refuse_silent_grafana(cluster: Cluster) -> None:
    """Refuse a Grafana that is named and does not answer this machine. + cluster: as declared"""
    url = cluster.settings.monitoring_grafana_url
    if url is None:
        return
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/api/health", timeout=GRAFANA_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # it answers, and wants a login
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ConfigError(
            f"monitoring_grafana_url: {url} does not answer this machine ({reason})\n"
            "HINT: start it, correct the URL, or leave monitoring_grafana_url out: nothing else needs it."
        ) from None
