"""
Ask a Prometheus every question of the rules and dashboards, and tell which get no answer.

``python -m monitoring.queries http://127.0.0.1:9090 --cluster main``
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

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


def answer(address: str, text: str) -> list[dict[str, Any]]:
    """
    What Prometheus says now.

    + address: of Prometheus, e.g. http://127.0.0.1:9090
    + text: the query; one that it cannot evaluate is a ValueError with its words
    """
    try:
        with urlopen(f"{address}/api/v1/query?{urlencode({'query': text})}", timeout=SECONDS) as response:
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
            return found
    except HTTPError as error:
        raise ValueError(f"{text}: {json.load(error)['error']}") from error


def silent(address: str, cluster: str) -> tuple[list[Question], list[Question]]:
    """Those without an answer: that must have one, and that have an excuse."""
    empty = [one for one in questions(cluster) if not answer(address, one.text)]
    return [one for one in empty if not one.excuse], [one for one in empty if one.excuse]


def main() -> int:
    """Print them; the exit code is 1 where one must have an answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="of Prometheus, e.g. http://127.0.0.1:9090")
    parser.add_argument("--cluster", default=".*", help="its name; absent: all")
    options = parser.parse_args()
    wrong, excused = silent(options.address, options.cluster)
    for one in excused:
        print(f"no answer, {one.excuse}: {one.where}: {one.text}")
    for one in wrong:
        print(f"NO ANSWER: {one.where}: {one.text}")
    print(f"{len(list(questions(options.cluster)))} queries, {len(wrong)} without an answer, {len(excused)} excused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
