"""docs/alerts.md: every alert of monitoring/rules, with its severity, when it fires, and where to read on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# In the order in which an operator thinks of them.
SUBJECTS = {
    "host": "Hosts",
    "patroni": "Patroni and replication",
    "postgres": "PostgreSQL",
    "etcd": "etcd",
    "haproxy": "HAProxy",
    "pgbouncer": "Connection pools",
    "backups": "Backups and drills",
    "findings": "Findings and certificates",
    "watchdog": "The monitoring itself",
}

_HEAD = """\
# Alerts

Every alert of `monitoring/rules/`, which Prometheus evaluates. This page is made from those files by `make docs`.

A **page** needs a person at once, at any hour; a **ticket** can wait for the morning. `Watchdog` always fires: route it
to a service that pages when it stops. The limits are in `monitoring/rules/limits.yml`;
`monitoring_limits` declares others: `{"replica_lag:bytes": 268435456}`.

A fault raises its own alert and little else: the expressions and `monitoring/alertmanager_inhibit.yml` leave out what
follows from a dead host, a lost quorum of etcd or a full repository. An exporter that is down is `ExporterDown`, which
says nothing of what it watches. The findings that an alert covers are in its row; all other alarms and warnings of
[check.md](runs/check.md) become `FindingAlarm` and `FindingWarning`.
"""
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE = re.compile(r"\{\{ \$value[^}]*\}\}")


def page(root: Path) -> str:
    """The whole page. + root: of the repository"""
    return _HEAD + "".join(_section(root, subject) for subject in SUBJECTS)


def alerts(root: Path, subject: str) -> list[dict[str, Any]]:
    """
    The alerts of a file, as they are written there.

    + root: of the repository
    + subject: the file's name without its ending
    """
    content = yaml.safe_load((root / "monitoring" / "rules" / f"{subject}.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"] if "alert" in rule]


def limits(root: Path) -> dict[str, str]:
    """What alerts compare with, by its name. + root: of the repository"""
    content = yaml.safe_load((root / "monitoring" / "rules" / "limits.yml").read_text())
    return {rule["record"]: rule["expr"] for group in content["groups"] for rule in group["rules"]}


def _section(root: Path, subject: str) -> str:
    head = "| Alert | | Fires when | Limit | After | Findings | What to do |\n|---|---|---|---|---|---|---|\n"
    return f"\n## {SUBJECTS[subject]}\n\n{head}{''.join(_rows(alerts(root, subject), limits(root)))}"


def _rows(found: list[dict[str, Any]], known: dict[str, str]) -> Iterator[str]:
    for rule in found:
        notes = rule["annotations"]
        kinds = ", ".join(f"`{kind}`" for kind in notes.get("finding", "").split())
        limit = re.search(r"limit:\w+:\w+", rule["expr"])
        compared = f"{known[limit[0]]}{_unit(limit[0])}" if limit else ""
        link = notes["runbook_url"].removeprefix("docs/")
        cells = (f"`{rule['alert']}`", rule["labels"]["severity"], when(notes["summary"]), compared)
        yield f"| {' | '.join((*cells, rule.get('for', 'at once'), kinds))} | [guide]({link}) |\n"


def _unit(name: str) -> str:
    unit = name.rpartition(":")[2]
    return "" if unit == "ratio" else f" {unit}"


def when(summary: str) -> str:
    """
    A summary without what is filled in when the alert fires.

    + summary: with the templates of Prometheus
    """
    said = summary.removeprefix("{{ $labels.cluster }}: ")
    words = _VALUE.sub("N", _LABEL.sub(lambda found: found[1].upper(), said))
    return re.sub(r" \([^()]*\bN\b[^()]*\)", "", words).replace("|", r"\|")
