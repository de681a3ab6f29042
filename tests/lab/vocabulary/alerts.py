"""A cluster that is watched by a Prometheus of its own, and the alerts that fire there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.runs import MEMBERS, authority, secrets

WATCHED_HOSTS = (*MEMBERS, "backup1", "monitor1")
WATCHDOG = "Watchdog"


@dataclass(frozen=True)
class Watched:
    """The lab, and where its inventory lies."""

    lab: Lab
    inventory: Path
    directory: Path

    @property
    def hosts(self) -> dict[str, Host]:
        return {name: self.lab.host(name) for name in WATCHED_HOSTS}

    def alerts(self, *severities: str, states: Iterable[str] = ("firing",)) -> set[str]:
        """
        The alerts, by name.

        + severities: of those that count; none: of any; + states: ``pending`` are those that wait for their time
        """
        url = f"https://{self.lab.host('monitor1').address4}:9090/api/v1/alerts"
        login = ("monitoring", secrets(self.lab)["MONITORING_PASSWORD"])
        said = requests.get(url, auth=login, verify=authority(self.lab), timeout=10).json()
        there = [one["labels"] for one in said["data"]["alerts"] if one["state"] in states]
        meant = [one for one in there if not severities or one["severity"] in severities]
        return {one["alertname"] for one in meant} - {WATCHDOG}
