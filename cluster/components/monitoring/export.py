"""The same as files for a Prometheus and a Grafana of the user's own."""

from __future__ import annotations

import json
from collections.abc import Iterable

import yaml

from cluster.components.monitoring.shipped import dashboards, inhibit_rules, rules
from cluster.components.monitoring.targets import Places, file_sd, jobs, scrape_configs
from cluster.declared.model import Cluster

# Within the directory of a cluster: Prometheus reads such paths from where the file lies that names them.
PLACES = Places("pki/ca.crt", "pki/monitoring-ca.crt", "pki/scraper.crt", "pki/scraper.key", "targets")
_HEAD = "# Written by deploys/monitoring.py.\n"


def cluster_files(cluster: Cluster) -> dict[str, str]:
    """What is of one cluster, by path; without the certificates."""
    configs = scrape_configs(cluster, PLACES, apart=True)
    text = _HEAD + yaml.safe_dump({"scrape_configs": configs}, sort_keys=False, width=110)
    targets = {
        f"{PLACES.targets}/{job.name}.json": file_sd(cluster, job) for job in jobs(cluster) if job.way != "login"
    }
    return {"scrape_configs.yml": text, **targets}


def shared_files(clusters: Iterable[Cluster]) -> dict[str, str]:
    """What is the same for all clusters, by path. Limits are those that any of them declares."""
    declared = [one.settings for one in clusters]
    limits = {name: limit for one in declared for name, limit in one.monitoring_limits.items()}
    pages = next((one.monitoring_pages_url for one in declared if one.monitoring_pages_url), None)
    inhibited = _HEAD + yaml.safe_dump({"inhibit_rules": inhibit_rules()}, sort_keys=False, width=110)
    return {
        **{f"rules/{name}": text for name, text in rules(limits, pages).items()},
        **{f"dashboards/{name}": text for name, text in dashboards().items()},
        "alertmanager_inhibit.yml": inhibited,
    }


def grafana_files(prometheus: str, login: tuple[str, str] | None, directory: str) -> dict[str, str]:
    """
    What a Grafana is provisioned with, by path: see its page on provisioning.

    + prometheus: its URL; + login: user and password there; None: it asks for none
    + directory: with the dashboards, on Grafana's host
    """
    source: dict[str, object] = {
        "name": "pyinfra-patroni",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
    }
    if login is not None:
        source |= {"basicAuth": True, "basicAuthUser": login[0], "secureJsonData": {"basicAuthPassword": login[1]}}
    provider = {"name": "pyinfra-patroni", "type": "file", "options": {"path": directory}}
    return {
        "datasources/pyinfra-patroni.yml": _HEAD + _yaml({"apiVersion": 1, "datasources": [source]}),
        "dashboards/pyinfra-patroni.yml": _HEAD + _yaml({"apiVersion": 1, "providers": [provider]}),
    }


def _yaml(values: object) -> str:
    # By way of JSON: a masked text is no plain one.
    return yaml.safe_dump(json.loads(json.dumps(values)), sort_keys=False)
