"""What is to be scraped, by job: where, how, and with which labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.components.haproxy import client_addresses
from cluster.components.monitoring import etcd_metrics, node_exporter, pgbouncer_exporter, postgres_exporter
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Network, Node

# The scraper shows its certificate to those that monitoring's CA has issued one for, and to HAProxy; Patroni would turn
# it away, for it is no member's. People's pages want the login.
Way = Literal["exporter", "open", "certificate", "login"]


@dataclass(frozen=True)
class Target:
    """One place that is scraped. + member: the host; + network: of the host's, in which it is reached"""

    member: Node
    address: Address
    port: int
    network: Network = "cluster"


@dataclass(frozen=True)
class Job:
    """
    Targets that are scraped in the same way.

    + module: what is asked for behind a door; "": there is none
    """

    name: str
    way: Way
    targets: tuple[Target, ...]
    module: str = ""


def jobs(cluster: Cluster) -> tuple[Job, ...]:
    """All of a cluster, those without targets left out."""
    settings = cluster.settings
    exporters = (
        ("node", node_exporter, settings.monitoring_node_port, ""),
        ("postgres", postgres_exporter, settings.monitoring_postgres_port, ""),
        ("pgbouncer", pgbouncer_exporter, settings.monitoring_pgbouncer_port, pgbouncer_exporter.MODULE),
        ("etcd", etcd_metrics, settings.monitoring_etcd_port, etcd_metrics.MODULE),
    )
    having = [
        Job(name, "exporter", tuple(_target(node, port) for node in cluster if one.is_wanted(cluster, node)), module)
        for name, one, port, module in exporters
    ]
    monitors = cluster.having("monitor")
    found = [
        *having,
        Job("patroni", "open", tuple(_target(node, settings.patroni_rest_port) for node in cluster.members)),
        Job("haproxy", "certificate", tuple(_statistics(cluster, node) for node in cluster.balancers)),
        Job("prometheus", "login", tuple(_target(node, settings.monitoring_prometheus_port) for node in monitors)),
        Job("alertmanager", "login", tuple(_target(node, settings.monitoring_alertmanager_port) for node in monitors)),
    ]
    return tuple(job for job in found if job.targets)


def _target(node: Node, port: int) -> Target:
    return Target(node, node.address, port)


def _statistics(cluster: Cluster, node: Node) -> Target:
    """HAProxy may listen at the addresses for clients alone."""
    heard, port = client_addresses(cluster, node), cluster.settings.haproxy_stats_port
    apart = heard is not None and node.address not in heard
    return Target(node, node.client_address, port, "client") if apart else _target(node, port)


def file_sd(cluster: Cluster, job: Job) -> str:
    """The targets of a job as Prometheus reads them from a file. + job: of that cluster"""
    listed = [
        {
            "targets": [one.address.endpoint(one.port)],
            "labels": {"cluster": cluster.name, "member": one.member.name},
        }
        for one in job.targets
    ]
    return json.dumps(listed, indent=1) + "\n"


@dataclass(frozen=True)
class Places:
    """
    Where a Prometheus finds what it needs, as paths on its host.

    + authority, exporter_authority: the CA of the cluster, and that of its exporters
    + certificate, key: of the scraper
    + targets: the directory with the files of targets
    + login: user, and the file with the password, of Prometheus' and Alertmanager's own pages; None: these are not ours
    """

    authority: str
    exporter_authority: str
    certificate: str
    key: str
    targets: str
    login: tuple[str, str] | None = None


def scrape_configs(cluster: Cluster, places: Places, *, apart: bool = False) -> list[dict[str, Any]]:
    """
    What Prometheus is told of each job.

    + places: on its host
    + apart: other clusters are in the same Prometheus, which has each name of a job once; the label is the same for all
    """
    listed = [job for job in jobs(cluster) if job.way != "login" or places.login]
    configs = [_scraped(job, places, f"{places.targets}/{job.name}.json") for job in listed]
    return [_renamed(cluster, one) for one in configs] if apart else configs


def _renamed(cluster: Cluster, config: dict[str, Any]) -> dict[str, Any]:
    job = config["job_name"]
    relabelled = {"relabel_configs": [{"target_label": "job", "replacement": job}]}
    return {**config, "job_name": f"{cluster.name}-{job}", **relabelled}


def _scraped(job: Job, places: Places, file: str) -> dict[str, Any]:
    door = {"metrics_path": "/proxy", "params": {"module": [job.module]}} if job.module else {}
    return {
        "job_name": job.name,
        "scheme": "https",
        **door,
        "tls_config": _tls(job, places),
        **({"basic_auth": basic_auth(places.login)} if job.way == "login" and places.login else {}),
        "file_sd_configs": [{"files": [file]}],
    }


def _tls(job: Job, places: Places) -> Mapping[str, str]:
    authority = places.exporter_authority if job.way == "exporter" else places.authority
    shown = {"cert_file": places.certificate, "key_file": places.key} if job.way in ("exporter", "certificate") else {}
    return {"ca_file": authority, **shown}


def basic_auth(login: tuple[str, str]) -> dict[str, str]:
    """A login as Prometheus is told it. + login: as ``Places`` has it"""
    return {"username": login[0], "password_file": login[1]}
