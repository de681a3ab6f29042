"""The settings of monitoring: the exporters on the hosts, their ports, and what a host of the group monitor does."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from cluster.settings.base import Strict, port, refuse, setting
from cluster.settings.text_rules import listed_problem

_MAIL = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")


def _mail_problem(text: str) -> str | None:
    return None if _MAIL.fullmatch(text) else "is no mail address"


def _url_problem(text: str) -> str | None:
    parts = urlsplit(text)
    return None if parts.scheme in ("http", "https") and parts.hostname else "is no URL with http or https and a host"


class MonitoringSettings(Strict):
    """Metrics of the hosts for Prometheus, and hosts that scrape them; see docs/monitoring.md."""

    monitoring: bool = setting(
        False, "exporters on every host, over TLS, for those alone who show the scraper's certificate"
    )
    monitoring_node_port: int = port(9100, "metrics of the host, and those that files hold")
    monitoring_postgres_port: int = port(9187, "metrics of PostgreSQL, on members")
    monitoring_pgbouncer_port: int = port(9127, "metrics of PgBouncer's pools, where it runs")
    monitoring_etcd_port: int = port(2381, "metrics of etcd, on its hosts")
    monitoring_etcd_local_port: int = port(2382, "the same without TLS, on loopback alone: etcd serves them there")
    monitoring_backup_minutes: int = setting(
        5, "minutes between two looks at the backups, on the repository host", ge=1, le=1440
    )
    monitoring_prometheus_port: int = port(9090, "Prometheus on hosts of the group monitor, over TLS and with a login")
    monitoring_alertmanager_port: int = port(9093, "Alertmanager there, with the same login")
    monitoring_watches: list[str] = setting(
        [], "names of other clusters of this inventory that these hosts scrape as well"
    )
    monitoring_user: str = setting(
        "monitoring", "the login at both; the password is MONITORING_PASSWORD", pattern="^[a-z][a-z0-9_-]{0,31}$"
    )
    monitoring_scrape_seconds: int = setting(15, "seconds between two scrapes", ge=5, le=300)
    monitoring_retention_days: int = setting(30, "days for which Prometheus keeps what it has scraped", ge=1, le=3650)
    monitoring_mail_to: list[str] = setting([], "mail addresses that get the alerts")
    monitoring_mail_from: str | None = setting(None, "the sender of these mails")
    monitoring_mail_smarthost: str | None = setting(
        None, "host:port of the mail server that takes them, which has to offer STARTTLS"
    )
    monitoring_mail_user: str | None = setting(None, "the login at the mail server, where it asks for one")
    monitoring_mail_password_file: str | None = setting(
        None, "a file on the control machine, for its owner alone, with the password of that login"
    )
    monitoring_webhook_url: str | None = setting(None, "URL that gets the alerts as JSON")
    monitoring_watchdog_url: str | None = setting(
        None, "URL of a dead man's switch: it is told every minute that alerts come through"
    )
    monitoring_limits: dict[str, float] = setting(
        {},
        "limits of alerts that differ from those in monitoring/rules/limits.yml: {'replica_lag:bytes': 268435456}; see "
        "docs/alerts.md",
    )
    monitoring_pages_url: str | None = setting(
        None,
        "URL below which this repository's docs/ can be read: alerts link to the failure guide there; absent: links "
        "are paths in the repository",
    )
    monitoring_grafana_url: str | None = setting(
        None, "a Grafana of yours, for which files with data source and dashboards are made"
    )

    @field_validator("monitoring_mail_to")
    @classmethod
    def _are_addresses(cls, addresses: list[str]) -> list[str]:
        refuse(listed_problem(addresses, _mail_problem))
        return addresses

    @field_validator("monitoring_limits")
    @classmethod
    def _are_names(cls, limits: dict[str, float]) -> dict[str, float]:
        wrong = next((name for name in limits if not re.fullmatch("[a-z_:]+", name)), None)
        refuse(None if wrong is None else f"'{wrong}' is no name of a limit")
        return limits

    @field_validator(
        "monitoring_pages_url", "monitoring_webhook_url", "monitoring_watchdog_url", "monitoring_grafana_url"
    )
    @classmethod
    def _are_urls(cls, url: str | None) -> str | None:
        refuse(None if url is None else _url_problem(url))
        return url

    @field_validator("monitoring_mail_smarthost")
    @classmethod
    def _has_a_port(cls, place: str | None) -> str | None:
        if place is not None and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[1-9][0-9]{0,4}", place):
            refuse("is no host with its port, such as mail.example.net:587")
        return place

    @model_validator(mode="after")
    def _mail_has_all_of_it(self) -> MonitoringSettings:
        parts = {
            "monitoring_mail_from": self.monitoring_mail_from,
            "monitoring_mail_smarthost": self.monitoring_mail_smarthost,
        }
        lacking = [name for name, value in parts.items() if value is None]
        if self.monitoring_mail_to and lacking:
            refuse(f"monitoring_mail_to is set without {' and '.join(lacking)}: no mail would go out")
        given = [name for name, value in parts.items() if value is not None]
        if given and not self.monitoring_mail_to:
            refuse(f"{given[0]} is set without monitoring_mail_to: the mail has no receiver")
        if (self.monitoring_mail_user is None) != (self.monitoring_mail_password_file is None):
            refuse("monitoring_mail_user and monitoring_mail_password_file belong together")
        return self
