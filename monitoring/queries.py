"""
Ask a Prometheus every question of the rules and dashboards, and tell which get no answer.

``python -m monitoring.queries https://192.0.2.31:9090 --cluster main --authority .secrets/main/ca.crt --user NAME``:
the password is in MONITORING_PASSWORD.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import yaml

from monitoring.dashboards_source.grafana import expressions

HERE = Path(__file__).parent
SECONDS = 30

_ONLY_WHILE = "there only while something is wrong"
_FINDING = "there only where a judgement found something"
_CONTAINER = "hosts in containers have no file system of their own"
_BACKUP = "no backup has been taken yet"
# Recorded names that may be without a series in a healthy cluster, each with the reason.
MAY_BE_EMPTY: Mapping[str, str] = {
    "member:down": _ONLY_WHILE,
    "cluster:etcd_lost": _ONLY_WHILE,
    "alert:firing:count": _ONLY_WHILE,
    "cluster:finding:max": _FINDING,
    "member:finding:max": _FINDING,
    "member:unnamed_finding:max": _FINDING,
    "cluster:planned": "there only after a run of ours",
    "cluster:run:seconds": "no run has noted itself yet",
    "cluster:drill_age:seconds": "no drill has passed yet",
    "cluster:backup_age:seconds": _BACKUP,
    "cluster_type:backup_completed:seconds": _BACKUP,
    "cluster_type:backup_duration:seconds": _BACKUP,
    "cluster_type:backup_stored:bytes": _BACKUP,
    "member:etcd_snapshot_age:seconds": "no snapshot has been taken yet",
    "member:pool_up:min": "no pooler is declared",
    "member:pool_paused:max": "no pooler is declared",
    "member:pool_waiting:sum": "no pooler is declared",
    "member:pool_clients:sum": "no pooler is declared",
    "member:pool_queries:rate5m": "no pooler is declared",
    "member_disk:used:ratio": _CONTAINER,
    "member_disk:free:bytes": _CONTAINER,
    "member_disk:inodes:ratio": _CONTAINER,
    "member_disk:readonly:max": _CONTAINER,
    "member_slot:active:max": "a cluster of one member has no slots",
    "member_slot:kept:bytes": "a cluster of one member has no slots",
    "member_slot:kept:ratio": "max_slot_wal_keep_size is not set, or there are no slots",
    "member:slot_limit:bytes": "max_slot_wal_keep_size is not set",
    "instance:notifications_lost:increase15m": "no Alertmanager is declared",
}


@dataclass(frozen=True)
class Question:
    """
    One query.

    + where: the file, and what it stands for there
    + text: as Prometheus gets it
    + excuse: why it may have no answer; "": it must have one
    """

    where: str
    text: str
    excuse: str = ""


def questions(cluster: str) -> Iterator[Question]:
    """
    Every query of rules and dashboards.

    + cluster: takes the place of the variable in dashboards
    """
    for path in sorted((HERE / "rules").glob("*.yml")):
        yield from _of_rules(path)
    for path in sorted((HERE / "dashboards").glob("*.json")):
        for text in expressions(path.read_text()):
            filled = text.replace("$cluster", cluster).replace("$member", ".*")
            yield Question(path.name, filled, _excuse(text))


def _of_rules(path: Path) -> Iterator[Question]:
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        if "record" in rule:
            yield Question(f"{path.name} {rule['record']}", rule["record"], MAY_BE_EMPTY.get(rule["record"], ""))
        else:
            yield Question(f"{path.name} {rule['alert']}", rule["expr"], "an alert has an answer only when it fires")


def _excuse(text: str) -> str:
    names = re.findall(r"\b[a-z_0-9]+(?::[a-z_0-9]+)+", text)
    if re.search(r"[^=!]== 1$|> 0$|< 30$", text):
        return _ONLY_WHILE
    return next((MAY_BE_EMPTY[name] for name in names if name in MAY_BE_EMPTY), "")


@dataclass(frozen=True)
class Prometheus:
    """
    Where to ask.

    + address: e.g. http://127.0.0.1:9090
    + authority: the file of the CA that its certificate is of; "": one that the machine trusts
    + user, password: of the login; "": there is none
    """

    address: str
    authority: str = ""
    user: str = ""
    password: str = ""

    def asked(self, path: str, **words: object) -> Any:
        """
        The data of an answer of its API.

        + path: below /api/v1, e.g. query; + words: as it takes them; what it cannot evaluate is a ValueError
        """
        request = Request(f"{self.address}/api/v1/{path}?{urlencode(words)}")
        if self.user:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        context = ssl.create_default_context(cafile=self.authority) if self.authority else None
        try:
            with urlopen(request, timeout=SECONDS, context=context) as response:
                return json.load(response)["data"]
        except HTTPError as error:
            raise ValueError(f"{words}: {error.read().decode()}") from error

    def answer(self, text: str) -> list[dict[str, Any]]:
        """What is now. + text: the query"""
        found: list[dict[str, Any]] = self.asked("query", query=text)["result"]
        return found


def options(parser: argparse.ArgumentParser) -> None:
    """What tells where a Prometheus is, and which cluster is asked for. + parser: gets it"""
    parser.add_argument("address", help="of Prometheus, e.g. http://127.0.0.1:9090")
    parser.add_argument("--cluster", default=".*", help="its name; absent: all")
    parser.add_argument("--authority", default="", help="file of the CA of its certificate")
    parser.add_argument("--user", default="", help="of its login; the password is in MONITORING_PASSWORD")


def chosen(given: argparse.Namespace) -> Prometheus:
    """The one that was given. + given: by those options"""
    return Prometheus(given.address, given.authority, given.user, os.environ.get("MONITORING_PASSWORD", ""))


def silent(source: Prometheus, cluster: str) -> tuple[list[Question], list[Question]]:
    """Those without an answer: that must have one, and that have an excuse."""
    empty = [one for one in questions(cluster) if not source.answer(one.text)]
    return [one for one in empty if not one.excuse], [one for one in empty if one.excuse]


def main() -> int:
    """Print them; the exit code is 1 where one must have an answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    options(parser)
    given = parser.parse_args()
    wrong, excused = silent(chosen(given), given.cluster)
    for one in excused:
        print(f"no answer, {one.excuse}: {one.where}: {one.text}")
    for one in wrong:
        print(f"NO ANSWER: {one.where}: {one.text}")
    print(f"{len(list(questions(given.cluster)))} queries, {len(wrong)} without an answer, {len(excused)} excused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
