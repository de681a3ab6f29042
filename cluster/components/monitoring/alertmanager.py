"""Alertmanager beside Prometheus: it tells people of alerts, by mail or by a webhook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.components.monitoring.exporter import DIRECTORY, USER, listeners, own_directory, unit_of, unit_path
from cluster.components.monitoring.prometheus import WEB, is_wanted, load_command, monitor_unit, people
from cluster.components.monitoring.shipped import inhibit_rules
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.secrets.private_files import read_text, refuse_open_to_others

NAME = "alertmanager"
PACKAGE = "prometheus-alertmanager"
OWN = f"{DIRECTORY}/alertmanager"
CONFIGURATION = f"{OWN}/alertmanager.yml"
DATA = "/var/lib/pyinfra-patroni-alertmanager"
PEOPLE, SWITCH, NOBODY = "people", "watchdog", "nobody"


def alertmanager_component(cluster: Cluster, node: Node) -> Component:
    """Its files and unit on one host."""
    if not is_wanted(cluster, node):
        return Component()
    files = (
        # It holds the mail server's password, and a webhook's URL may be a secret as well.
        File(CONFIGURATION, configuration_text(cluster), USER, USER, "600", check="amtool check-config {}"),
        File(unit_path(NAME), _unit(cluster, node)),
    )
    unit = Unit(unit_of(NAME), (CONFIGURATION, unit_path(NAME)), load=load_command(NAME))
    return Component((own_directory(), Directory(OWN)), files, (unit,))


def configuration_text(cluster: Cluster) -> str:
    """alertmanager.yml: one receiver for people, and the watchdog's own, for it always fires."""
    settings = cluster.settings
    watchdog = SWITCH if settings.monitoring_watchdog_url else NOBODY
    repeated = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1m"} if watchdog == SWITCH else {}
    values: dict[str, Any] = {
        "route": {
            "receiver": PEOPLE,
            "group_by": ["cluster", "alertname"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [{"matchers": ['alertname="Watchdog"'], "receiver": watchdog, **repeated}],
        },
        "inhibit_rules": inhibit_rules(),
        "receivers": [
            {"name": PEOPLE, **_mail(cluster), **_webhook(settings.monitoring_webhook_url)},
            {"name": watchdog, **_webhook(settings.monitoring_watchdog_url)},
        ],
    }
    return "# Managed by pyinfra-patroni.\n" + yaml.safe_dump(values, sort_keys=False, width=110)


def _webhook(url: str | None) -> dict[str, Any]:
    return {"webhook_configs": [{"url": url, "send_resolved": True}]} if url else {}


def _mail(cluster: Cluster) -> dict[str, Any]:
    settings = cluster.settings
    password = mail_password(cluster)
    login = {"auth_username": settings.monitoring_mail_user, "auth_password": password} if password else {}
    each = {
        "from": settings.monitoring_mail_from,
        "smarthost": settings.monitoring_mail_smarthost,
        "require_tls": True,
        "send_resolved": True,
        **login,
    }
    mails = [{"to": address, **each} for address in settings.monitoring_mail_to]
    return {"email_configs": mails} if mails else {}


def mail_password(cluster: Cluster) -> str | None:
    """The password of the mail server's login, read on the control machine; None where none is declared."""
    declared = cluster.settings.monitoring_mail_password_file
    if declared is None:
        return None
    path = Path(declared)
    if not path.exists():
        raise ConfigError(
            f"monitoring_mail_password_file: {path} is not there\nHINT: a file for its owner alone (chmod 600), with "
            "the password."
        )
    refuse_open_to_others(path)
    password = read_text(path).strip()
    if not password:
        raise ConfigError(
            f"monitoring_mail_password_file: {path} is empty\nHINT: write the mail server's password into it."
        )
    return password


def _unit(cluster: Cluster, node: Node) -> str:
    place = node.address.endpoint(cluster.settings.monitoring_alertmanager_port)
    words = [
        "/usr/bin/prometheus-alertmanager",
        f"--config.file={CONFIGURATION}",
        f"--storage.path={DATA}",
        f"--web.listen-address={place}",
        f"--web.config.file={WEB}",
        f"--web.external-url=https://{place}/",
        "--cluster.listen-address=",  # it speaks with no others
    ]
    return monitor_unit(cluster, NAME, "Alertmanager", words, DATA)


COMPONENT = ComponentType(
    name=NAME,
    on=lambda cluster, node: True,
    wanted=is_wanted,
    packages=lambda cluster, node: (PACKAGE,) if is_wanted(cluster, node) else (),
    debian_units={PACKAGE: PACKAGE},
    files=lambda cluster, node, secrets: alertmanager_component(cluster, node),
    service=f"{unit_of(NAME)}.service",
    phase="clients",
    units=lambda cluster, node: (unit_of(NAME),) if is_wanted(cluster, node) else (),
    former_units=(unit_of(NAME),),
    listens=lambda cluster, node: (
        listeners(cluster, node, NAME, "monitoring_alertmanager_port") if is_wanted(cluster, node) else ()
    ),
    admits=lambda cluster, node: (
        people(cluster, cluster.settings.monitoring_alertmanager_port) if is_wanted(cluster, node) else ()
    ),
    mark=unit_path(NAME),
    owns=lambda cluster, node: (unit_path(NAME), OWN, DATA),
)
