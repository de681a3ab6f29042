"""Prometheus on the hosts of the group monitor: it scrapes what the cluster serves, and judges it by the rules."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import yaml

from cluster.ciphers import GO
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import (
    MONITORING,
    Admission,
    ComponentType,
    Reach,
)
from cluster.components.files import Directory, File
from cluster.components.monitoring.export import grafana_files
from cluster.components.monitoring.exporter import DIRECTORY, USER, listeners, own_directory, unit_of, unit_path
from cluster.components.monitoring.shipped import dashboards, rules
from cluster.components.monitoring.targets import Places, basic_auth, file_sd, jobs, scrape_configs
from cluster.components.rendering import rendered
from cluster.declared.model import Cluster, Network, Node
from cluster.pki.certificates import MONITOR as PLACE
from cluster.pki.certificates import SCRAPER, CertificatePlace
from cluster.secrets.secrets import Secret

NAME = "prometheus"
PACKAGE = "prometheus"
PASSWORD = "MONITORING_PASSWORD"
OWN = f"{DIRECTORY}/prometheus"
CONFIGURATION = f"{OWN}/prometheus.yml"
RULES, TARGETS = f"{OWN}/rules", f"{OWN}/targets"
LOGIN = f"{OWN}/login"
GRAFANA = f"{OWN}/grafana"
WEB = f"{DIRECTORY}/monitor-web.yml"
DATA = "/var/lib/pyinfra-patroni-prometheus"
BCRYPT_ROUNDS = 10


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it."""
    return cluster.settings.monitoring and "monitor" in node.roles


def places(cluster: Cluster) -> Places:
    """Where it finds what it needs."""
    login = (cluster.settings.monitoring_user, LOGIN)
    return Places(PLACE.authority, SCRAPER.authority, SCRAPER.certificate, SCRAPER.key, TARGETS, login)


def lent_place(watched: Cluster) -> CertificatePlace:
    """With what it is let in by the exporters of another cluster, whose CA issues it."""
    return replace(SCRAPER, directory=f"{SCRAPER.directory}/{watched.name}")


def lent_authority(watched: Cluster) -> str:
    """Path of that cluster's own CA, by which it knows Patroni and HAProxy there."""
    return f"{lent_place(watched).directory}/cluster-ca.crt"


def places_of(watched: Cluster) -> Places:
    """Where it finds what it needs for another cluster; of that one's own pages it knows nothing."""
    place, targets = lent_place(watched), f"{TARGETS}/{watched.name}"
    return Places(lent_authority(watched), place.authority, place.certificate, place.key, targets)


def prometheus_component(cluster: Cluster, node: Node, password: Secret) -> Component:
    """Its files and unit on one host. + password: of the login"""
    if not is_wanted(cluster, node):
        return Component()
    listed = tuple(
        File(f"{RULES}/{name}", text, check="promtool check rules {}")
        for name, text in rules(cluster.settings.monitoring_limits, cluster.settings.monitoring_pages_url).items()
    )
    targets = tuple(
        File(f"{where}/{job.name}.json", file_sd(one, job))
        for one, where in ((cluster, TARGETS), *((one, places_of(one).targets) for one in cluster.watched))
        for job in jobs(one)
        if one is cluster or job.way != "login"
    )
    files = (
        File(LOGIN, f"{password!s}\n", USER, USER, "600"),
        web_file(cluster, password),
        *listed,
        *targets,
        *_grafana(cluster, node, password),
        File(CONFIGURATION, configuration_text(cluster, node), check="promtool check config {}"),
        File(unit_path(NAME), _unit(cluster, node)),
    )
    # Files of targets are looked at by themselves when they change, the web's at every connection.
    loads = (CONFIGURATION, unit_path(NAME), *(file.path for file in listed))
    lent = (places_of(one).targets for one in cluster.watched)
    below = (OWN, RULES, TARGETS, *lent, *_grafana_directories(cluster))
    directories = (own_directory(), *(Directory(path) for path in below))
    return Component(directories, files, (Unit(unit_of(NAME), loads, load=load_command(NAME)),))


def _grafana_directories(cluster: Cluster) -> tuple[str, ...]:
    below = ("datasources", "dashboards", "json")
    return (GRAFANA, *(f"{GRAFANA}/{name}" for name in below)) if cluster.settings.monitoring_grafana_url else ()


def _grafana(cluster: Cluster, node: Node, password: Secret) -> list[File]:
    """For a Grafana that is on this host, or for whoever takes them to it; it is in none of Debian's releases."""
    if cluster.settings.monitoring_grafana_url is None:
        return []
    url = f"https://{node.address.endpoint(cluster.settings.monitoring_prometheus_port)}"
    login = (cluster.settings.monitoring_user, str(password))
    given = grafana_files(url, login, f"{GRAFANA}/json")
    shown = [File(f"{GRAFANA}/json/{name}", text) for name, text in dashboards().items()]
    return [*(File(f"{GRAFANA}/{path}", text, mode="600") for path, text in given.items()), *shown]


def load_command(name: str) -> str:
    """A reload, which loses nothing; a changed unit takes a restart. + name: of the component"""
    unit = unit_of(name)
    return f"if [ /run/{unit} -nt {unit_path(name)} ]; then systemctl reload {unit}; else systemctl restart {unit}; fi"


def configuration_text(cluster: Cluster, node: Node) -> str:
    """prometheus.yml, the same on all of a cluster's hosts of this group."""
    own, seconds = places(cluster), cluster.settings.monitoring_scrape_seconds
    port = cluster.settings.monitoring_alertmanager_port
    managers = [one.address.endpoint(port) for one in cluster.having("monitor")]
    alerting = {
        "scheme": "https",
        "tls_config": {"ca_file": own.authority},
        "basic_auth": basic_auth((cluster.settings.monitoring_user, LOGIN)),
        "static_configs": [{"targets": managers}],
    }
    values = {
        "global": {"scrape_interval": f"{seconds}s", "evaluation_interval": f"{seconds}s"},
        "alerting": {"alertmanagers": [alerting]},
        "rule_files": [f"{RULES}/{name}" for name in rules({})],
        "scrape_configs": [
            *scrape_configs(cluster, own),
            *(config for one in cluster.watched for config in scrape_configs(one, places_of(one), apart=True)),
        ],
    }
    return "# Managed by pyinfra-patroni.\n" + yaml.safe_dump(values, sort_keys=False, width=110)


def web_file(cluster: Cluster, password: Secret) -> File:
    """TLS and the login of both pages, read at every connection."""
    values = {
        "tls_server_config": {
            "cert_file": PLACE.certificate,
            "key_file": PLACE.key,
            "min_version": "TLS12",
            "cipher_suites": list(GO),
        },
        "basic_auth_users": {cluster.settings.monitoring_user: hashed(str(password))},
    }
    text = "# Managed by pyinfra-patroni.\n" + yaml.safe_dump(values, sort_keys=False)
    return File(WEB, text, USER, USER, "600")


@cache
def hashed(password: str) -> str:
    """A password as bcrypt has it, always the same: with a salt by chance every run would write the file anew."""
    digest = hashlib.sha256(f"monitoring {password}".encode()).digest()[:16]
    marks = bytes.maketrans(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    )
    salt = base64.b64encode(digest).rstrip(b"=").translate(marks)
    import bcrypt  # hosts that judge themselves do without

    return bcrypt.hashpw(password.encode(), b"$2b$%02d$" % BCRYPT_ROUNDS + salt).decode()


def _unit(cluster: Cluster, node: Node) -> str:
    settings = cluster.settings
    words = [
        "/usr/bin/prometheus",
        f"--config.file={CONFIGURATION}",
        f"--storage.tsdb.path={DATA}",
        f"--storage.tsdb.retention.time={settings.monitoring_retention_days}d",
        f"--web.listen-address={node.address.endpoint(settings.monitoring_prometheus_port)}",
        f"--web.config.file={WEB}",
        f"--web.external-url=https://{node.address.endpoint(settings.monitoring_prometheus_port)}/",
    ]
    return monitor_unit(cluster, NAME, "Prometheus", words, DATA)


def monitor_unit(cluster: Cluster, name: str, what: str, words: list[str], data: str) -> str:
    """The unit of a service that people look at. + data: its directory below /var/lib; + others: as of an exporter"""
    values: Mapping[str, Any] = {"words": words, "walls": sandbox.EXPORTER, "state": data.rpartition("/")[2]}
    return rendered(
        "monitoring/monitor.service.j2", None, what=what, cluster=cluster.name, user=USER, run=unit_of(name), **values
    )


def _reached(cluster: Cluster, node: Node) -> Iterator[Reach]:
    """Each target by itself: not every host has every port."""
    if not is_wanted(cluster, node):
        return
    for job in jobs(cluster):
        networks: tuple[Network, ...] = ("cluster", "client")
        for network in networks:
            there = [one for one in job.targets if one.network == network]
            if there:
                yield Reach(tuple(one.member for one in there), (there[0].port,), network=network)


def people(cluster: Cluster, port: int) -> tuple[Admission, ...]:
    """Who looks at a page. + port: of it"""
    return (Admission(MONITORING, tuple(cluster.settings.firewall_monitoring_networks), (port,)),)


COMPONENT = ComponentType(
    name=NAME,
    on=lambda cluster, node: True,
    wanted=is_wanted,
    packages=lambda cluster, node: (PACKAGE,) if is_wanted(cluster, node) else (),
    debian_units={PACKAGE: PACKAGE},
    files=lambda cluster, node, secrets: prometheus_component(cluster, node, secrets[PASSWORD]),
    secrets=lambda cluster, node: (PASSWORD,) if is_wanted(cluster, node) else (),
    service=f"{unit_of(NAME)}.service",
    phase="clients",
    units=lambda cluster, node: (unit_of(NAME),) if is_wanted(cluster, node) else (),
    former_units=(unit_of(NAME),),
    certificates=lambda cluster, node: (PLACE, SCRAPER) if is_wanted(cluster, node) else (),
    lent=lambda cluster, node: tuple(map(lent_place, cluster.watched)) if is_wanted(cluster, node) else (),
    listens=lambda cluster, node: (
        listeners(cluster, node, NAME, "monitoring_prometheus_port") if is_wanted(cluster, node) else ()
    ),
    reaches=lambda cluster, node: tuple(_reached(cluster, node)),
    admits=lambda cluster, node: (
        people(cluster, cluster.settings.monitoring_prometheus_port) if is_wanted(cluster, node) else ()
    ),
    mark=unit_path(NAME),
    owns=lambda cluster, node: (
        *(unit_path(NAME), OWN, WEB, PLACE.directory, SCRAPER.directory, DATA),
        *(lent_place(one).directory for one in cluster.watched),
    ),
)
